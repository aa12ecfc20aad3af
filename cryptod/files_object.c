/* im.visavis.Crypto1.Files at /im/visavis/Crypto1/account/ID: files that are sealed and opened for those who hold an
 * unlock. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cryptod/claims.h"
#include "cryptod/conversation/list.h"
#include "cryptod/files/legacy_envelope.h"
#include "cryptod/sealing.h"
#include "services/bus.h"
#include "services/cleanup.h"

#define INTERFACE "im.visavis.Crypto1.Files"

/* A job, and whose it is. */
struct file_task {
        struct file_task *next;
        struct account *account;
        uint32_t number;
        sd_bus_track *owner;
        struct file_job *job;
};

static void task_free(struct file_task *t)
{
        for (struct file_task **p = &t->account->files; *p; p = &(*p)->next) {
                if (*p == t) {
                        *p = t->next;
                        break;
                }
        }
        file_job_free(t->job);
        sd_bus_track_unref(t->owner);
        free(t);
}

/* -- how it ended -------------------------------------------------------------------------------------------------- */

static const char *flaw_name(enum sealed_file_flaw flaw)
{
        switch (flaw) {
        case SEALED_FILE_FOREIGN:
        case SEALED_FILE_NEWER:
                return ERROR_INVALID_ARGUMENT;
        case SEALED_FILE_WRONG_KEY:
        case SEALED_FILE_OTHER_SEALER:
                return ERROR_KEY_MISMATCH;
        default:
                return ERROR_DAMAGED;
        }
}

int files_object_describe(int result, sd_bus_error *error)
{
        if (result > 0)
                return sd_bus_error_set(error, flaw_name(result), sealed_file_flaw_text(result));
        switch (-result) {
        case ENXIO:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "The content ends before that offset; begin with a smaller one.");
        case EFBIG:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "The file is larger than a sealed or an open one can be; seal it in parts.");
        case EMSGSIZE:
                return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT,
                                         "The content of a legacy envelope has at most %d MiB, its passphrase %d "
                                         "bytes; seal larger files without --legacy-cbc.",
                                         LEGACY_ENVELOPE_CONTENT_MAX >> 20, LEGACY_ENVELOPE_PASSPHRASE_MAX);
        case EBADMSG:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "This is not a legacy envelope. If visavis sealed it, open it without "
                                        "--legacy-cbc.");
        case EKEYREJECTED:
                return sd_bus_error_set(error, ERROR_WRONG_FACTOR,
                                        "The envelope does not open: it has another passphrase, or was changed. Try "
                                        "the passphrase once more.");
        case ENODATA:
        case ETIMEDOUT:
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT, "The passphrase is empty or did not come.");
        default:
                return sd_bus_error_setf(error, ERROR_STORAGE,
                                         "A file could not be read or written: %s. What was written is not whole.",
                                         strerror(-result));
        }
}

/* Addresses are ASCII (services/address.h), and of a cover that was signed; but whoever signed it may be anybody. */
static int append_address(sd_bus_message *m, const char *name, struct bytes address)
{
        char text[ADDRESS_TEXT_MAX];
        struct address parsed;

        (void) snprintf(text, sizeof(text), "%.*s", (int) address.size, (const char *) address.data);
        return sd_bus_message_append(m, "{sv}", name, "s", address_parse(text, &parsed, NULL) < 0 ? "?" : text);
}

static int append_cover(sd_bus_message *m, struct account *a, const struct cover_content *c)
{
        int r = append_address(m, "Sealer", c->sealer.address);

        if (r >= 0)
                r = append_address(m, "Receiver", c->receiver.address);
        return r < 0 ? r : sd_bus_message_append(m, "{sv}", "Acquaintance", "s", sealing_acquaintance(a, &c->sealer));
}

static int append_details(sd_bus_message *m, const struct file_task *t, bool authenticated)
{
        const struct cover_content *c = t->job && t->account->messenger ? file_job_cover(t->job) : NULL;
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}", "Authenticated", "b", (int) authenticated);
        if (r >= 0 && authenticated && c)
                r = append_cover(m, t->account, c);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static void tell(const struct file_task *t, const sd_bus_error *error, bool authenticated)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        const char *owner = sd_bus_track_first(t->owner);
        char path[128];
        int r;

        (void) account_object_path(t->account, path, sizeof(path));
        if (!owner)
                return;
        r = bus_signal_to(t->account->cryptod->bus, owner, path, INTERFACE, "Finished", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "uss", t->number, error->name ? error->name : "",
                                          error->message ? error->message : "");
        if (r >= 0)
                r = append_details(m, t, authenticated);
        if (r >= 0)
                (void) sd_bus_send(NULL, m, NULL); /* who is gone needs no answer */
}

static void on_done(int result, bool authenticated, void *userdata)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        struct file_task *t = userdata;

        if (result != 0)
                (void) files_object_describe(result, &error);
        tell(t, &error, authenticated && result == 0);
        task_free(t);
}

void files_object_end(struct account *a)
{
        static const sd_bus_error locked = SD_BUS_ERROR_MAKE_CONST(
                ERROR_LOCKED, "The account was locked meanwhile. What was written is not whole; log in and try again.");

        while (a->files) {
                tell(a->files, &locked, false);
                task_free(a->files);
        }
}

/* -- how it begins ------------------------------------------------------------------------------------------------- */

static int on_owner_gone(sd_bus_track *track, void *userdata)
{
        task_free(userdata);
        return 1; /* 0 would have it called again and again */
}

static int start(struct account *a, sd_bus_message *m, struct file_request *q, sd_bus_error *error)
{
        struct file_task *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                abort();
        t->account = a;
        t->number = ++a->file_count;
        q->uid = vault_account(a->vault)->uid;
        r = sd_bus_track_new(a->cryptod->bus, &t->owner, on_owner_gone, t);
        if (r >= 0)
                r = sd_bus_track_add_sender(t->owner, m);
        if (r >= 0)
                r = file_job_start(a->cryptod->event, q, on_done, t, &t->job);
        if (r < 0) {
                task_free(t);
                return r == -EBUSY || r == -EAGAIN
                               ? sd_bus_error_set(error, ERROR_BUSY,
                                                  "Too many files are being sealed or opened; wait until one is done.")
                               : r;
        }
        t->next = a->files;
        a->files = t;
        return sd_bus_reply_method_return(m, "u", t->number);
}

/* What the caller has said. */
struct wish {
        struct file_request request;
        const char *to;   /* whom to seal for; NULL: the account itself */
        const char *from; /* who alone may have sealed what is opened; NULL: anybody */
};

static void wish_release(struct wish *w)
{
        file_request_release(&w->request);
}

static int read_option(sd_bus_message *m, const char *name, void *userdata, sd_bus_error *error)
{
        struct wish *w = userdata;
        struct file_request *q = &w->request;

        if (strcmp(name, "to") == 0 && q->action == FILE_SEAL)
                return sd_bus_message_read(m, "v", "s", &w->to);
        if (strcmp(name, "from") == 0 && q->action == FILE_OPEN)
                return sd_bus_message_read(m, "v", "s", &w->from);
        if (strcmp(name, "legacy-passphrase") == 0)
                return sd_bus_message_read(m, "v", "h", &q->passphrase);
        if (strcmp(name, "offset") == 0 && q->action == FILE_OPEN)
                return sd_bus_message_read(m, "v", "t", &q->offset);
        return sd_bus_error_setf(error, ERROR_INVALID_ARGUMENT, "There is no option \"%s\" here.", name);
}

static int read_options(sd_bus_message *m, struct wish *w, sd_bus_error *error)
{
        const struct file_request *q = &w->request;
        int r = bus_read_options(m, read_option, w, error);

        if (r >= 0 && q->passphrase >= 0 && q->offset > 0)
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT, "A legacy envelope is opened as a whole.");
        if (r >= 0 && q->passphrase >= 0 && (w->to || w->from))
                return sd_bus_error_set(error, ERROR_INVALID_ARGUMENT,
                                        "A legacy envelope has a passphrase; it cannot be for a contact or of one.");
        return r;
}

/* The contact with that address, and the address as a list (list.h). */
static int find_contact(struct account *a, const char *text, struct writer *addresses, const struct conversation **out,
                        sd_bus_error *error)
{
        char canonical[ADDRESS_TEXT_MAX];
        struct reader reader;
        struct bytes address;
        int r = claims_read_address(a, text, addresses, error);

        if (r < 0)
                return r;
        reader_init(&reader, writer_bytes(addresses));
        address = read_vector(&reader);
        (void) snprintf(canonical, sizeof(canonical), "%.*s", (int) address.size, (const char *) address.data);
        *out = messenger_contact(a->messenger, canonical);
        return *out ? 0
                    : sd_bus_error_setf(error, ERROR_NOT_FOUND,
                                        "No key of %s is known yet; start a conversation with them first.", canonical);
}

static int open_keys(struct account *a, struct wish *w, sd_bus_error *error)
{
        _cleanup_writer_ struct writer addresses = WRITER_INIT;
        const struct conversation *from = NULL;
        int r = w->from ? find_contact(a, w->from, &addresses, &from, error) : 0;

        return r < 0 ? r : sealing_to_open(a, from, &w->request);
}

static int seal_to(struct account *a, sd_bus_message *m, struct wish *w, sd_bus_error *error);

static int begin(struct account *a, sd_bus_message *m, enum file_action action, enum file_action legacy,
                 sd_bus_error *error)
{
        _cleanup_(wish_release) struct wish w = { .request = { .action = action, .passphrase = -1 } };
        struct file_request *q = &w.request;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "hh", &q->input, &q->output);
        if (r >= 0)
                r = read_options(m, &w, error);
        if (r < 0)
                return r;
        if (w.to)
                return seal_to(a, m, &w, error);
        if (q->passphrase >= 0)
                q->action = legacy;
        else
                r = action == FILE_SEAL ? sealing_for_self(a, q) : open_keys(a, &w, error);
        if (r < 0)
                return sd_bus_error_is_set(error) ? r : account_object_storage_error(r, error);
        return start(a, m, q, error);
}

/* -- for a contact ------------------------------------------------------------------------------------------------- */

static int learn(struct account *a, const struct invitee *of, sd_bus_error *error)
{
        const struct conversation *contact = messenger_contact(a->messenger, of->address);
        int r = contact ? messenger_learn_sealing_key(a->messenger, contact, of->key_package, (uint64_t) time(NULL))
                        : -ENOENT;

        if (r == -ENOENT)
                return sd_bus_error_setf(error, ERROR_NOT_FOUND,
                                         "%s has no key to which files can be sealed: their Visavis is older than "
                                         "that. Ask them to update it and to log in once.",
                                         of->address);
        return r < 0 ? claims_error(r, of, 1, error) : 0;
}

/* The hub has handed out a key package: the call begins anew, with the key that was in it. */
static int on_claimed(struct account *a, sd_bus_message *call, const struct invitee *invitees, size_t count,
                      sd_bus_error *error)
{
        int r = learn(a, &invitees[0], error);

        if (r >= 0)
                r = sd_bus_message_rewind(call, true);
        return r < 0 ? r : begin(a, call, FILE_SEAL, FILE_SEAL_LEGACY, error);
}

static int seal_to(struct account *a, sd_bus_message *m, struct wish *w, sd_bus_error *error)
{
        _cleanup_writer_ struct writer addresses = WRITER_INIT;
        const struct conversation *contact;
        int r = find_contact(a, w->to, &addresses, &contact, error);

        if (r < 0)
                return r;
        r = sealing_for_contact(a, contact, &w->request);
        if (r == -ENOENT)
                return claims_start(a, m, writer_bytes(&addresses), on_claimed, error);
        return r < 0 ? account_object_storage_error(r, error) : start(a, m, &w->request, error);
}

static int on_seal(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return begin(userdata, m, FILE_SEAL, FILE_SEAL_LEGACY, error);
}

static int on_open(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        return begin(userdata, m, FILE_OPEN, FILE_OPEN_LEGACY, error);
}

/* The caller's job that @m is about. */
static int find(struct account *a, sd_bus_message *m, sd_bus_error *error, struct file_task **out)
{
        uint32_t number;
        int r = account_object_check_holder(a, m, error);

        if (r >= 0)
                r = sd_bus_message_read(m, "u", &number);
        if (r < 0)
                return r;
        for (*out = a->files; *out; *out = (*out)->next)
                if ((*out)->number == number && sd_bus_track_contains((*out)->owner, sd_bus_message_get_sender(m)))
                        return 0;
        return sd_bus_error_setf(error, ERROR_NOT_FOUND, "There is no job %u of this program's; it may be over.",
                                 number);
}

static int on_progress(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct file_task *t;
        int r = find(userdata, m, error, &t);

        return r < 0 ? r : sd_bus_reply_method_return(m, "t", file_job_progress(t->job));
}

static int on_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct file_task *t;
        int r = find(userdata, m, error, &t);

        if (r < 0)
                return r;
        task_free(t);
        return sd_bus_reply_method_return(m, "");
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Seal", SD_BUS_ARGS("h", input, "h", output, "a{sv}", options), SD_BUS_RESULT("u", job),
                                on_seal, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Open", SD_BUS_ARGS("h", input, "h", output, "a{sv}", options), SD_BUS_RESULT("u", job),
                                on_open, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Progress", SD_BUS_ARGS("u", job), SD_BUS_RESULT("t", bytes), on_progress,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Cancel", SD_BUS_ARGS("u", job), SD_BUS_NO_RESULT, on_cancel,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Finished", SD_BUS_ARGS("u", job, "s", error, "s", text, "a{sv}", details), 0),
        SD_BUS_VTABLE_END,
};

int files_object_export(struct account *a)
{
        char path[128];

        (void) account_object_path(a, path, sizeof(path));
        return sd_bus_add_object_vtable(a->cryptod->bus, &a->files_object, path, INTERFACE, vtable, a);
}
