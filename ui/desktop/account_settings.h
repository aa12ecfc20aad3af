/* An account's label, idle lock and notifications, and its end. */
#pragma once

#include "ui/client/account.h"
#include "ui/desktop/sheet.h"

struct account_settings;

/* Adds its groups to @page, and lives as long as that. */
struct account_settings *account_settings_new(AdwPreferencesPage *page, struct account *a);

/* The end of the account, as a group of its own at the end of @page. */
void account_settings_add_end(struct account_settings *s, AdwPreferencesPage *page);

/* Asks for what is set; @sheet is where the page stands. */
void account_settings_start(struct account_settings *s, struct sheet *sheet);
