/* What opens an account: PINs with the face, recovery codes, and the looks by which the face is known. */
#pragma once

#include "ui/client/account.h"
#include "ui/desktop/sheet.h"

struct slot_settings;

/* Adds its group to @page, and lives as long as that. */
struct slot_settings *slot_settings_new(AdwPreferencesPage *page, struct account *a);

/* Asks for what there is; @sheet is where the page stands. */
void slot_settings_start(struct slot_settings *s, struct sheet *sheet);
