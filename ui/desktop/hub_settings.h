/* The hubs of an account, in the order in which they are tried. */
#pragma once

#include "ui/client/account.h"
#include "ui/desktop/sheet.h"

struct hub_settings;

/* Adds its group to @page, and lives as long as that. */
struct hub_settings *hub_settings_new(AdwPreferencesPage *page, struct account *a);

/* Asks for what there is; @sheet is where the page stands. */
void hub_settings_start(struct hub_settings *s, struct sheet *sheet);
