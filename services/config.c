/* Reading configuration files, and the values in them. */
#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cleanup.h"
#include "log.h"
#include "text.h"

static const char default_directories[] = "/usr/lib/visavis:/etc/visavis";

/* One assignment or, with @key NULL, the start of a section. In the order of reading; the last one for a key counts. */
struct entry {
        char *section;
        char *instance; /* NULL for a plain section */
        char *key;
        char *value; /* "" goes back to the fallback */
        const char *file;
        unsigned line;
};

struct config {
        char *name;
        const struct config_key *keys;
        struct entry *entries;
        size_t count;
        char **files; /* names for messages */
        size_t file_count;
};

/* A value and where it was set, for messages. */
struct setting {
        const char *value;
        const char *file;
        unsigned line; /* 0: it was not set, the fallback counts */
};

/* Where we are in a file. */
struct place {
        struct config *config;
        const char *file;
        unsigned line;
        char *section;
        char *instance;
};

static bool same(const char *a, const char *b)
{
        return a == b || (a && b && strcmp(a, b) == 0);
}

static const struct config_key *find_key(const struct config *c, const char *section, const char *key)
{
        for (const struct config_key *k = c->keys; k && k->section; k++)
                if (strcmp(k->section, section) == 0 && (!key || same(k->key, key)))
                        return k;
        return NULL;
}

static char *trim(char *s)
{
        s += strspn(s, " \t\r\n");
        for (size_t n = strlen(s); n > 0 && strchr(" \t\r\n", s[n - 1]); n--)
                s[n - 1] = '\0';
        return s;
}

static int bad_line(const struct place *p, const char *what, const char *text)
{
        log_error("%s:%u: %s: \"%s\". Correct or remove this line.", p->file, p->line, what, text);
        return -EINVAL;
}

static void entry_release(struct entry *e)
{
        free(e->section);
        free(e->instance);
        free(e->key);
        free(e->value);
}

static int append(const struct place *p, const char *key, const char *value)
{
        struct config *c = p->config;
        struct entry *entries = reallocarray(c->entries, c->count + 1, sizeof(*entries));

        if (!entries)
                return -ENOMEM;
        c->entries = entries;

        struct entry e = {
                .section = strdup(p->section),
                .instance = p->instance ? strdup(p->instance) : NULL,
                .key = key ? strdup(key) : NULL,
                .value = value ? strdup(value) : NULL,
                .file = p->file,
                .line = p->line,
        };
        if (!e.section || (p->instance && !e.instance) || (key && !e.key) || (value && !e.value)) {
                entry_release(&e);
                return -ENOMEM;
        }
        entries[c->count++] = e;
        return 0;
}

static int read_section(struct place *p, char *text)
{
        size_t size = strlen(text);

        if (text[size - 1] != ']')
                return bad_line(p, "the bracket of a section is not closed", text);
        text[size - 1] = '\0';

        char *section = trim(text + 1);
        char *instance = section + strcspn(section, " \t");
        if (*instance) {
                *instance++ = '\0';
                instance = trim(instance);
        }
        if (!find_key(p->config, section, NULL))
                return bad_line(p, "unknown section", section);

        free(p->section);
        free(p->instance);
        p->section = strdup(section);
        p->instance = *instance ? strdup(instance) : NULL;
        if (!p->section || (*instance && !p->instance))
                return -ENOMEM;
        return append(p, NULL, NULL);
}

static int read_assignment(struct place *p, char *text)
{
        char *equals = strchr(text, '=');

        if (!equals)
                return bad_line(p, "neither a section nor \"key = value\"", text);
        if (!p->section)
                return bad_line(p, "no section stands above this", text);
        *equals = '\0';

        char *key = trim(text);
        const struct config_key *known = *key ? find_key(p->config, p->section, key) : NULL;
        if (!known)
                return bad_line(p, "unknown key in this section", key);
        return append(p, key, trim(equals + 1));
}

static int read_line(struct place *p, char *line, size_t size)
{
        p->line++;
        if (!utf8_valid(BYTES(line, size))) {
                log_error("%s:%u: this line is not UTF-8 text. Correct or remove it.", p->file, p->line);
                return -EINVAL;
        }

        char *text = trim(line);
        if (*text == '\0' || *text == '#')
                return 0;
        return *text == '[' ? read_section(p, text) : read_assignment(p, text);
}

static void place_release(struct place *p)
{
        free(p->section);
        free(p->instance);
}

static int cannot_read(const char *file, int error)
{
        log_error("The configuration file %s cannot be read (%s). Correct its owner, its mode or its disk.", file,
                  strerror(-error));
        return error;
}

/* Takes over @path. A file that does not exist is no error. */
static int read_file(struct config *c, char *path)
{
        _cleanup_free_ char *owned = path;
        _cleanup_(place_release) struct place p = { .config = c, .file = path };
        _cleanup_fclose_ FILE *f = NULL;
        _cleanup_free_ char *line = NULL;
        size_t capacity = 0;
        ssize_t size;

        f = fopen(path, "re");
        if (!f)
                return errno == ENOENT || errno == ENOTDIR ? 0 : cannot_read(path, -errno);

        char **files = reallocarray(c->files, c->file_count + 1, sizeof(*files));
        if (!files)
                return -ENOMEM;
        c->files = files;
        files[c->file_count++] = TAKE(owned);

        while ((size = getline(&line, &capacity, f)) >= 0) {
                int r = read_line(&p, line, (size_t) size);
                if (r < 0)
                        return r;
        }
        return ferror(f) ? cannot_read(p.file, -errno) : 0;
}

/* A growing list of strings that it owns. */
struct list {
        char **items;
        size_t count;
};

static void list_release(struct list *l)
{
        for (size_t i = 0; i < l->count; i++)
                free(l->items[i]);
        free(l->items);
}

static int list_add(struct list *l, char *item)
{
        char **items = item ? reallocarray(l->items, l->count + 1, sizeof(*items)) : NULL;

        if (!items) {
                free(item);
                return -ENOMEM;
        }
        l->items = items;
        items[l->count++] = item;
        return 0;
}

static int split_directories(const char *directories, struct list *out)
{
        int r = 0;

        while (*directories && r == 0) {
                size_t size = strcspn(directories, ":");

                if (size > 0)
                        r = list_add(out, strndup(directories, size));
                directories += size + (directories[size] == ':');
        }
        return r;
}

static char *format_path(const char *directory, const char *name, const char *suffix, const char *file)
{
        char *path;

        return asprintf(&path, "%s/%s.%s%s%s", directory, name, suffix, *file ? "/" : "", file) < 0 ? NULL : path;
}

static void cleanup_closedir(DIR **d)
{
        if (*d)
                closedir(*d);
}

static int list_drop_ins(const char *directory, const char *name, struct list *out)
{
        _cleanup_free_ char *path = format_path(directory, name, "conf.d", "");
        _cleanup_(cleanup_closedir) DIR *d = path ? opendir(path) : NULL;
        struct dirent *e;

        if (!path)
                return -ENOMEM;
        if (!d)
                return errno == ENOENT || errno == ENOTDIR ? 0 : cannot_read(path, -errno);
        while ((e = readdir(d))) {
                size_t size = strlen(e->d_name);

                if (e->d_name[0] == '.' || size < 5 || strcmp(e->d_name + size - 5, ".conf") != 0)
                        continue;
                int r = list_add(out, format_path(directory, name, "conf.d", e->d_name));
                if (r < 0)
                        return r;
        }
        return 0;
}

static const char *file_name(const char *path)
{
        return strrchr(path, '/') + 1;
}

/* By file name; those of the same name stay in the order of their directories. */
static void sort_drop_ins(struct list *l)
{
        for (size_t i = 1; i < l->count; i++) {
                char *item = l->items[i];
                size_t at = i;

                for (; at > 0 && strcmp(file_name(l->items[at - 1]), file_name(item)) > 0; at--)
                        l->items[at] = l->items[at - 1];
                l->items[at] = item;
        }
}

static int read_all(struct config *c, const struct list *directories)
{
        _cleanup_(list_release) struct list drop_ins = { 0 };
        int r = 0;

        for (size_t i = 0; i < directories->count && r == 0; i++) {
                char *path = format_path(directories->items[i], c->name, "conf", "");

                r = path ? read_file(c, path) : -ENOMEM;
                if (r == 0)
                        r = list_drop_ins(directories->items[i], c->name, &drop_ins);
        }
        sort_drop_ins(&drop_ins);
        for (size_t i = 0; i < drop_ins.count && r == 0; i++)
                r = read_file(c, TAKE(drop_ins.items[i]));
        return r;
}

static void cleanup_config(struct config **c)
{
        *c = config_free(*c);
}

int config_load(const char *name, const char *directories, const struct config_key *keys, struct config **out)
{
        _cleanup_(cleanup_config) struct config *c = calloc(1, sizeof(*c));
        _cleanup_(list_release) struct list list = { 0 };
        int r;

        if (!c)
                return -ENOMEM;
        c->keys = keys;
        c->name = strdup(name);
        r = c->name ? split_directories(directories ? directories : default_directories, &list) : -ENOMEM;
        if (r == 0)
                r = read_all(c, &list);
        if (r == -ENOMEM)
                log_error("There is not enough memory to read the configuration of %s.", name);
        if (r == 0)
                *out = TAKE(c);
        return r;
}

struct config *config_free(struct config *c)
{
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->count; i++)
                entry_release(&c->entries[i]);
        for (size_t i = 0; i < c->file_count; i++)
                free(c->files[i]);
        free(c->entries);
        free(c->files);
        free(c->name);
        free(c);
        return NULL;
}

static struct setting lookup(const struct config *c, const char *section, const char *instance, const char *key)
{
        const struct config_key *known = find_key(c, section, key);

        assert(known);
        for (size_t i = c->count; i-- > 0;) {
                const struct entry *e = &c->entries[i];

                if (!e->key || strcmp(e->section, section) != 0 || !same(e->instance, instance) ||
                    strcmp(e->key, key) != 0)
                        continue;
                if (*e->value)
                        return (struct setting){ e->value, e->file, e->line };
                break;
        }
        return (struct setting){ known->fallback, NULL, 0 };
}

const char *config_string(const struct config *c, const char *section, const char *instance, const char *key)
{
        return lookup(c, section, instance, key).value;
}

/* Logs why a value is refused; @wanted says what is asked for. */
static int refuse(const struct config *c, const struct setting *s, const char *section, const char *instance,
                  const char *key, const char *wanted, int error)
{
        const char *space = instance ? " " : "";

        instance = instance ? instance : "";
        if (s->line > 0)
                log_error("%s:%u: \"%s\" is no value for %s in [%s%s%s]: %s is needed.", s->file, s->line, s->value,
                          key, section, space, instance, wanted);
        else
                log_error("%s in [%s%s%s] is not set: set it in %s.conf to %s.", key, section, space, instance, c->name,
                          wanted);
        return error;
}

int config_integer(const struct config *c, const char *section, const char *instance, const char *key, int64_t min,
                   int64_t max, int64_t *out)
{
        struct setting s = lookup(c, section, instance, key);
        char wanted[96], *end = NULL;

        snprintf(wanted, sizeof(wanted), "a whole number from %lld to %lld", (long long) min, (long long) max);
        errno = 0;
        long long v = s.value ? strtoll(s.value, &end, 10) : 0;
        if (!end || end == s.value || *end)
                return refuse(c, &s, section, instance, key, wanted, -EINVAL);
        if (errno == ERANGE || v < min || v > max)
                return refuse(c, &s, section, instance, key, wanted, -ERANGE);
        *out = v;
        return 0;
}

static bool one_of(const char *s, const char *const *words)
{
        for (; s && *words; words++)
                if (strcasecmp(s, *words) == 0)
                        return true;
        return false;
}

int config_boolean(const struct config *c, const char *section, const char *instance, const char *key, bool *out)
{
        static const char *const yes[] = { "yes", "true", "on", "1", NULL };
        static const char *const no[] = { "no", "false", "off", "0", NULL };
        struct setting s = lookup(c, section, instance, key);
        bool is_yes = one_of(s.value, yes);

        if (!is_yes && !one_of(s.value, no))
                return refuse(c, &s, section, instance, key, "yes or no", -EINVAL);
        *out = is_yes;
        return 0;
}

/* The sum of "number unit" pairs; a number alone is seconds. */
int config_parse_duration(const char *s, uint64_t *out)
{
        static const struct {
                const char *name;
                uint64_t usec;
        } units[] = {
                { "us", 1 },         { "ms", 1000 },    { "s", 1000000 },    { "", 1000000 },
                { "min", 60000000 }, { "m", 60000000 }, { "h", 3600000000 }, { "d", 86400000000 },
        };
        uint64_t sum = 0;

        do {
                char *end;

                if (*s < '0' || *s > '9')
                        return -EINVAL;
                errno = 0;
                uint64_t n = strtoull(s, &end, 10);
                if (errno == ERANGE)
                        return -ERANGE;
                s = end + strspn(end, " ");

                size_t size = strcspn(s, " 0123456789"), i = 0;
                while (i < COUNT_OF(units) && (strlen(units[i].name) != size || strncmp(units[i].name, s, size) != 0))
                        i++;
                if (i == COUNT_OF(units))
                        return -EINVAL;
                if (__builtin_mul_overflow(n, units[i].usec, &n) || __builtin_add_overflow(sum, n, &sum))
                        return -ERANGE;
                s += size;
                s += strspn(s, " ");
        } while (*s);
        *out = sum;
        return 0;
}

int config_duration(const struct config *c, const char *section, const char *instance, const char *key,
                    uint64_t *out_usec)
{
        struct setting s = lookup(c, section, instance, key);
        int r = s.value ? config_parse_duration(s.value, out_usec) : -EINVAL;

        return r < 0 ? refuse(c, &s, section, instance, key, "a time such as 30s, 5min or 2h", r) : 0;
}

const char *config_instance(const struct config *c, const char *section, unsigned index)
{
        for (size_t i = 0; i < c->count; i++) {
                const struct entry *e = &c->entries[i];
                bool seen = e->key || !e->instance || strcmp(e->section, section) != 0;

                for (size_t j = 0; j < i && !seen; j++)
                        seen = !c->entries[j].key && strcmp(c->entries[j].section, section) == 0 &&
                               same(c->entries[j].instance, e->instance);
                if (!seen && index-- == 0)
                        return e->instance;
        }
        return NULL;
}
