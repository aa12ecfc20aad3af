/* The picture of a group. */
#include "ui/desktop/group_picture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "ui/media/inspection.h"

enum { SHOWN_SIDE = 192, MADE_SIDE = 160 };

/* -- shown ------------------------------------------------------------------------------------------------------------
 */

static void inspect(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
        struct finding *f = g_new0(struct finding, 1);

        if (inspect_file(GPOINTER_TO_INT(data), SHOWN_SIDE, f) < 0)
                *f = (struct finding){ 0 };
        close(GPOINTER_TO_INT(data));
        g_task_return_pointer(task, f, NULL);
}

static void on_inspected(GObject *source, GAsyncResult *result, gpointer userdata)
{
        g_autofree struct finding *f = g_task_propagate_pointer(G_TASK(result), NULL);

        if (!f || !f->pixels)
                return;
        gsize stride = 3 * (gsize) f->shown_width;
        g_autoptr(GBytes) pixels = g_bytes_new(f->pixels, stride * f->shown_height);
        g_autoptr(GdkTexture) texture =
                gdk_memory_texture_new(f->shown_width, f->shown_height, GDK_MEMORY_R8G8B8, pixels, stride);
        adw_avatar_set_custom_image(ADW_AVATAR(source), GDK_PAINTABLE(texture));
        finding_release(f);
}

void group_picture_show(AdwAvatar *avatar, struct bytes picture)
{
        g_autoptr(GTask) task = g_task_new(avatar, NULL, on_inspected, NULL);
        int fd;

        adw_avatar_set_custom_image(avatar, NULL);
        if (picture.size == 0 || (fd = memfd_create("visavis-picture", MFD_CLOEXEC)) < 0)
                return;
        if (write(fd, picture.data, picture.size) != (ssize_t) picture.size) {
                close(fd);
                return;
        }
        g_task_set_task_data(task, GINT_TO_POINTER(fd), NULL);
        g_task_run_in_thread(task, inspect);
}

/* -- made -------------------------------------------------------------------------------------------------------------
 */

struct making {
        void (*done)(struct bytes picture, void *userdata);
        void *userdata;
        GFile *file;
};

static void making_free(gpointer p)
{
        struct making *m = p;

        g_object_unref(m->file);
        g_free(m);
}

/* As good as it can be in so many bytes; NULL: in none. */
static GBytes *encode(const struct finding *f)
{
        static const char *const qualities[] = { "88", "75", "60", "40" };
        g_autoptr(GdkPixbuf) pixbuf = gdk_pixbuf_new_from_data(f->pixels, GDK_COLORSPACE_RGB, false, 8, f->shown_width,
                                                               f->shown_height, 3 * f->shown_width, NULL, NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(qualities); i++) {
                g_autofree char *buffer = NULL;
                gsize size;

                if (gdk_pixbuf_save_to_buffer(pixbuf, &buffer, &size, "jpeg", NULL, "quality", qualities[i], NULL) &&
                    size <= GROUP_PICTURE_MAX)
                        return g_bytes_new_take(g_steal_pointer(&buffer), size);
        }
        return NULL;
}

static void make(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
        struct making *m = data;
        g_autofree char *path = g_file_get_path(m->file);
        _cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
        struct finding f = { 0 };

        if (fd >= 0 && inspect_file(fd, MADE_SIDE, &f) >= 0 && f.pixels)
                g_task_return_pointer(task, encode(&f), (GDestroyNotify) g_bytes_unref);
        else
                g_task_return_pointer(task, NULL, NULL);
        finding_release(&f);
}

static void on_made(GObject *source, GAsyncResult *result, gpointer userdata)
{
        struct making *m = g_task_get_task_data(G_TASK(result));
        bool gone = g_cancellable_is_cancelled(g_task_get_cancellable(G_TASK(result)));
        g_autoptr(GBytes) picture = g_task_propagate_pointer(G_TASK(result), NULL);
        gsize size = 0;
        const void *data = picture ? g_bytes_get_data(picture, &size) : NULL;

        if (!gone)
                m->done(BYTES(data, size), m->userdata);
}

void group_picture_make(GFile *file, GCancellable *cancellable, void (*done)(struct bytes picture, void *userdata),
                        void *userdata)
{
        g_autoptr(GTask) task = g_task_new(NULL, cancellable, on_made, NULL);
        struct making *m = g_new0(struct making, 1);

        *m = (struct making){ done, userdata, g_object_ref(file) };
        g_task_set_task_data(task, m, making_free);
        g_task_run_in_thread(task, make);
}
