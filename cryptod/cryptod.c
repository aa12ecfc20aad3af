/* See cryptod.h. */
#include "cryptod/cryptod.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cryptod/creation.h"
#include "cryptod/destruction.h"
#include "cryptod/files/file_job.h"
#include "cryptod/logind.h"
#include "cryptod/vault/slot_job.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/storage.h"

enum { RETRY_USEC = 1000 * 1000 };

struct account *cryptod_account(struct cryptod *c, const char *id)
{
        for (struct account *a = c->accounts; a; a = a->next) {
                if (strcmp(account_id(a), id) == 0)
                        return a;
        }
        return NULL;
}

static void unopened_free(struct unopened *u)
{
        free(u->id);
        free(u);
}

/* One that is damaged must not keep the others out. */
static void note_unopened(struct cryptod *c, const char *id, int error)
{
        struct unopened *u = calloc(1, sizeof(*u));

        if (!u || !(u->id = strdup(id)))
                abort();
        u->error = error;
        u->next = c->unopened;
        c->unopened = u;
        log_error("The vault of account %s, %s/%s, cannot be opened: %s.", id, c->state_directory, id,
                  storage_advice(error));
}

static int add_account(struct cryptod *c, struct vault *vault)
{
        struct account *a;
        int r = account_new(c, vault, &a);

        if (r >= 0 && vault_is_destroyed(a->vault))
                destruction_resume(a);
        return r;
}

static int load_account(struct cryptod *c, const char *id)
{
        struct vault *vault;
        int r = vault_load(c->state_directory, id, &vault);

        if (r >= 0)
                return add_account(c, vault);
        if (r == -ENOENT)
                creation_forget(c, id); /* never finished */
        else if (r != -EINVAL)          /* not an account's directory */
                note_unopened(c, id, r);
        return 0;
}

void cryptod_retry(struct cryptod *c)
{
        uint64_t now;

        if (!c->unopened || sd_event_now(c->event, CLOCK_BOOTTIME, &now) < 0 || now < c->retried + RETRY_USEC)
                return;
        c->retried = now;
        for (struct unopened **p = &c->unopened; *p;) {
                struct unopened *u = *p;
                struct vault *vault;

                /* Nothing is deleted here: somebody may be about to put a copy back. */
                u->error = vault_load(c->state_directory, u->id, &vault);
                if (u->error < 0 || add_account(c, vault) < 0) {
                        p = &u->next;
                        continue;
                }
                log_notice("The vault of account %s can be opened again.", u->id);
                *p = u->next;
                unopened_free(u);
        }
}

static void cleanup_closedir(DIR **d)
{
        if (*d)
                closedir(*d);
}

static int load_accounts(struct cryptod *c)
{
        _cleanup_(cleanup_closedir) DIR *d = opendir(c->state_directory);
        struct dirent *e;
        int r = d ? 0 : -errno;

        while (r >= 0 && (e = readdir(d)))
                r = load_account(c, e->d_name);
        return r;
}

static int export(struct cryptod *c)
{
        int r = manager_object_export(c);

        if (r >= 0)
                r = inbox_object_export(c);
        if (r >= 0)
                r = failures_object_export(c);
        if (r >= 0)
                r = relay_watch(c);
        if (r >= 0)
                r = logind_watch(c);
        return r;
}

int cryptod_new(sd_event *event, sd_bus *bus, const char *state_directory, const struct cryptod_settings *settings,
                struct cryptod **out)
{
        struct cryptod *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                abort();
        c->event = sd_event_ref(event);
        c->bus = sd_bus_ref(bus);
        c->state_directory = state_directory;
        c->settings = *settings;
        c->inhibitor = -1;
        r = export(c);
        if (r >= 0)
                r = load_accounts(c);
        if (r < 0) {
                log_error("cryptod cannot start: %s.", strerror(-r));
                cryptod_free(c);
                return r;
        }
        *out = c;
        return 0;
}

static void free_accounts(struct account *list)
{
        while (list) {
                struct account *next = list->next;

                account_free(list);
                list = next;
        }
}

struct cryptod *cryptod_free(struct cryptod *c)
{
        if (!c)
                return NULL;
        creation_cancel_all(c);
        free_accounts(c->accounts);
        free_accounts(c->ended);
        while (c->unopened) {
                struct unopened *next = c->unopened->next;

                unopened_free(c->unopened);
                c->unopened = next;
        }
        file_job_wait_all();
        slot_job_wait_all(); /* a thread must not outlive the libraries that it uses */
        if (c->inhibitor >= 0)
                close(c->inhibitor);
        sd_bus_unref(c->bus);
        sd_event_unref(c->event);
        free(c);
        return NULL;
}
