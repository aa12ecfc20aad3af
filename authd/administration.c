/* More of im.visavis.Auth1.Manager: what an administrator sees and removes of others' enrolments. */
#include <errno.h>
#include <string.h>

#include "authd/refusal.h"
#include "services/bus.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/polkit.h"

#define ACTION "im.visavis.manage-enrolments"

static int append(struct authd *a, sd_bus_message *reply, const char *account, uid_t uid)
{
        enum engine engine;
        int r = accounts_engine(a->accounts, account, uid, &engine);

        return r < 0 ? r : sd_bus_message_append(reply, "(sus)", account, (uint32_t) uid, engine_name(engine));
}

static int list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        struct authd *a = userdata;
        char account[ACCOUNT_ID_SIZE] = "";
        uid_t uid;
        int r = authd_ready(a, error);

        if (r >= 0)
                r = bus_answer_list(m, "(sus)", &reply);
        if (r < 0)
                return r;
        while ((r = accounts_next_of_all(a->accounts, account, &uid)) > 0 && (r = append(a, reply, account, uid)) >= 0)
                ;
        return r < 0 ? refusal_storage(a, error) : bus_send_list(reply);
}

static int on_list_all(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return polkit_ask(m, ACTION, list, userdata, error);
}

/* Whose it is, if it is there. */
static int find(struct authd *a, const char *account, uid_t *uid, sd_bus_error *error)
{
        char found[ACCOUNT_ID_SIZE] = "";
        int r;

        while ((r = accounts_next_of_all(a->accounts, found, uid)) > 0)
                if (strcmp(found, account) == 0)
                        return 0;
        return r < 0 ? refusal_storage(a, error)
                     : sd_bus_error_setf(error, ERROR_NOT_FOUND,
                                         "No account %s is enrolled here; ListAllEnrolments has those that are.",
                                         account);
}

static int remove_enrolment(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct authd *a = userdata;
        const char *account;
        uid_t uid;
        int r = authd_ready(a, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "s", &account);
        if (r >= 0)
                r = find(a, account, &uid, error);
        if (r < 0)
                return r;
        if (accounts_remove(a->accounts, account) < 0)
                return refusal_storage(a, error);
        log_notice("An administrator has removed the enrolment of account %s of the user %u.", account, (unsigned) uid);
        return sd_bus_reply_method_return(m, "");
}

static int on_remove(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return polkit_ask(m, ACTION, remove_enrolment, userdata, error);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("ListAllEnrolments", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(sus)", enrolments), on_list_all,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RemoveEnrolment", SD_BUS_ARGS("s", account), SD_BUS_NO_RESULT, on_remove,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int administration_export(struct authd *a)
{
        return sd_bus_add_object_vtable(a->bus, NULL, AUTHD_PATH, "im.visavis.Auth1.Manager", vtable, a);
}
