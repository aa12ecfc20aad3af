/* See file_sending.h. */
#include "ui/desktop/file_sending.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/client/client.h"
#include "ui/media/inspection.h"
#include "ui/media/offer.h"

/* The account may be gone when the thread is done, so the call is made of what it had. */
struct file_sending {
        sd_bus *bus;
        char *owner, *path, *conversation, *name, *caption;
        int fd;
        struct finding found;
        file_sending_done done;
        void *userdata;
};

static void release(gpointer data)
{
        struct file_sending *f = data;

        sd_bus_unref(f->bus);
        g_free(f->owner);
        g_free(f->path);
        g_free(f->conversation);
        g_free(f->name);
        g_free(f->caption);
        close(f->fd);
        finding_release(&f->found);
        g_free(f);
}

static void look(GTask *task, gpointer holder, gpointer data, GCancellable *cancellable)
{
        struct file_sending *f = data;

        (void) inspect_file(f->fd, INSPECTION_THUMBNAIL_SIDE, &f->found); /* an error costs the thumbnail alone */
        g_task_return_boolean(task, true);
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *ignored)
{
        g_autoptr(GTask) task = userdata;
        struct file_sending *f = g_task_get_task_data(task);

        f->done(f->name, sd_bus_message_get_error(m), f->userdata);
        return 0;
}

static int append(const struct file_sending *f, sd_bus_message *m)
{
        g_autofree char *type = g_content_type_guess(f->name, NULL, 0, NULL);
        g_autofree char *media_type = g_content_type_get_mime_type(type);
        int r = sd_bus_message_append(m, "shss", f->conversation, f->fd, f->name, media_type ? media_type : "");

        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0 && *f->caption)
                r = sd_bus_message_append(m, "{sv}", "caption", "s", f->caption);
        if (r >= 0)
                r = offer_append(m, &f->found, false);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static void on_looked(GObject *holder, GAsyncResult *result, gpointer ignored)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        struct file_sending *f = g_task_get_task_data(G_TASK(result));
        int r = sd_bus_message_new_method_call(f->bus, &m, f->owner, f->path, CRYPTO_TRANSFERS, "Send");

        if (r >= 0)
                r = append(f, m);
        if (r >= 0)
                r = sd_bus_call_async(f->bus, NULL, m, on_answer, g_object_ref(result), 0);
        if (r < 0) {
                g_autofree char *text = g_strdup_printf("“%s” was not sent: %s.", f->name, g_strerror(-r));

                f->done(f->name, &(sd_bus_error){ .name = ERROR_STORAGE, .message = text }, f->userdata);
        }
}

void file_sending_begin(GObject *holder, struct account *a, const char *conversation, int fd, const char *name,
                        const char *caption, file_sending_done done, void *userdata)
{
        struct file_sending *f = g_new0(struct file_sending, 1);
        GTask *task = g_task_new(holder, NULL, on_looked, NULL);

        *f = (struct file_sending){ .bus = sd_bus_ref(account_bus(a)),
                                    .owner = g_strdup(account_owner(a)),
                                    .path = g_strdup(account_path(a)),
                                    .conversation = g_strdup(conversation),
                                    .name = g_strdup(name),
                                    .caption = g_strdup(caption),
                                    .fd = fd,
                                    .done = done,
                                    .userdata = userdata };
        g_task_set_task_data(task, f, release);
        g_task_run_in_thread(task, look);
        g_object_unref(task);
}
