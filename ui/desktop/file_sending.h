/* One file is sent: looked at in a thread by the confined program, then handed to cryptod as a descriptor. */
#pragma once

#include "ui/client/account.h"

#include <glib-object.h>

typedef void (*file_sending_done)(const char *name, const sd_bus_error *error, void *userdata);

/* Takes @fd. @holder: a reference is held until it is done. If the account locks meanwhile, it is not sent, and @done
 * is told so. */
void file_sending_begin(GObject *holder, struct account *a, const char *conversation, int fd, const char *name,
                        const char *caption, file_sending_done done, void *userdata);
