/* What the owner of an account can set. */
#include "ui/desktop/preferences_window.h"

#include "ui/desktop/account_settings.h"
#include "ui/desktop/hub_settings.h"
#include "ui/desktop/rows.h"
#include "ui/desktop/slot_settings.h"

void preferences_window_open(GtkWindow *parent, struct account *a)
{
        AdwPreferencesPage *page = ADW_PREFERENCES_PAGE(adw_preferences_page_new());
        struct account_settings *account = account_settings_new(page, a);
        struct slot_settings *slots = slot_settings_new(page, a);
        struct hub_settings *hubs = hub_settings_new(page, a);
        struct sheet *sheet;

        account_settings_add_end(account, page);
        sheet = sheet_new(parent, "Preferences", GTK_WIDGET(page));
        account_settings_start(account, sheet);
        slot_settings_start(slots, sheet);
        hub_settings_start(hubs, sheet);
}
