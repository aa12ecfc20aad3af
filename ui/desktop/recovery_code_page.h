/* A recovery code is made, shown once, and typed back. */
#pragma once

#include "ui/client/account.h"
#include "ui/desktop/sheet.h"

/* Asks for the proof and goes on from there. @made is called when the code opens the account. */
void recovery_code_page_push(struct sheet *s, struct account *a, void (*made)(void *userdata), void *userdata);
