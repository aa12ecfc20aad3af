/* Configuration from a hostile disk: up to the first form feed the input is the main file, after it a drop-in. What is
 * taken and written again, key by key, is taken as the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "services/bytes.h"
#include "services/cleanup.h"
#include "services/config.h"
#include "services/log.h"
#include "services/text.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct config_key keys[] = {
        { "hub", "listen", "127.0.0.1" },
        { "hub", "quota", "100" },
        { "hub", "public", "no" },
        { "hub", "retention", "30d" },
        { "hub", "note", NULL },
        { "camera", "path", NULL },
        { "camera", "width", "640" },
        { "camera", "mirrored", "yes" },
        { "camera", "timeout", "5s" },
        { "models", NULL, NULL },
        { 0 },
};

static char directory[] = "/tmp/visavis-fuzz-XXXXXX", drop_ins[64], main_file[64], drop_in[64];

static void must(bool good)
{
        if (!good)
                abort();
}

static void remove_directory(void)
{
        (void) remove(main_file);
        (void) remove(drop_in);
        (void) remove(drop_ins);
        (void) remove(directory);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        log_open("fuzz", LOG_EMERG);
        must(mkdtemp(directory) != NULL);
        (void) snprintf(drop_ins, sizeof(drop_ins), "%s/fuzz.conf.d", directory);
        (void) snprintf(main_file, sizeof(main_file), "%s/fuzz.conf", directory);
        (void) snprintf(drop_in, sizeof(drop_in), "%s/10-more.conf", drop_ins);
        must(mkdir(drop_ins, 0700) == 0 && atexit(remove_directory) == 0);
        return 0;
}

static void write_file(const char *path, struct bytes content)
{
        _cleanup_fclose_ FILE *f = fopen(path, "we");

        must(f && fwrite(content.data ? content.data : (const uint8_t *) "", 1, content.size, f) == content.size);
}

static void config_release(struct config **c)
{
        *c = config_free(*c);
}

static void check_value(const struct config *c, const struct config_key *k, const char *instance)
{
        const char *text = config_string(c, k->section, instance, k->key);
        int64_t number;
        uint64_t usec;
        bool yes;

        must(text == NULL || (utf8_valid(BYTES_STRING(text)) && !strchr(text, '\n')));
        must(k->fallback == NULL || text != NULL);
        if (config_integer(c, k->section, instance, k->key, -5, 1000, &number) == 0)
                must(number >= -5 && number <= 1000 && strtoll(text, NULL, 10) == number);
        if (config_boolean(c, k->section, instance, k->key, &yes) == 0)
                must(strlen(text) <= strlen("false"));
        if (config_duration(c, k->section, instance, k->key, &usec) == 0)
                must(text[0] >= '0' && text[0] <= '9');
}

static void write_value(FILE *f, const struct config *c, const struct config_key *k, const char *instance)
{
        const char *text = config_string(c, k->section, instance, k->key);

        must(fprintf(f, "%s = %s\n", k->key, text ? text : "") > 0);
}

static void write_section(FILE *f, const struct config *c, const char *section, const char *instance)
{
        must(fprintf(f, "[%s%s%s]\n", section, instance ? " " : "", instance ? instance : "") > 0);
        for (const struct config_key *k = keys; k->section; k++)
                if (k->key && strcmp(k->section, section) == 0) {
                        check_value(c, k, instance);
                        write_value(f, c, k, instance);
                }
}

static bool same(const char *a, const char *b)
{
        return a == b || (a && b && strcmp(a, b) == 0);
}

static void compare(const struct config *a, const struct config *b)
{
        const char *instance;

        for (const struct config_key *k = keys; k->section; k++) {
                if (k->key)
                        must(same(config_string(a, k->section, NULL, k->key),
                                  config_string(b, k->section, NULL, k->key)));
                for (unsigned i = 0; k->key && (instance = config_instance(a, k->section, i)); i++)
                        must(same(instance, config_instance(b, k->section, i)) &&
                             same(config_string(a, k->section, instance, k->key),
                                  config_string(b, k->section, instance, k->key)));
        }
}

static void write_again(const struct config *c)
{
        _cleanup_fclose_ FILE *f = fopen(main_file, "we");
        const char *instance;

        must(f != NULL);
        for (const struct config_key *k = keys; k->section; k++) {
                if (k != keys && strcmp(k[-1].section, k->section) == 0)
                        continue;
                write_section(f, c, k->section, NULL);
                for (unsigned i = 0; (instance = config_instance(c, k->section, i)); i++)
                        write_section(f, c, k->section, instance);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(config_release) struct config *c = NULL, *again = NULL;
        const uint8_t *end = size > 0 ? memchr(data, '\f', size) : NULL;
        size_t first = end ? (size_t) (end - data) : size;

        write_file(main_file, BYTES(data, first));
        write_file(drop_in, end ? BYTES(end + 1, size - first - 1) : BYTES(NULL, 0));
        if (config_load("fuzz", directory, keys, &c) < 0)
                return 0;
        write_again(c);
        write_file(drop_in, BYTES(NULL, 0));
        must(config_load("fuzz", directory, keys, &again) == 0);
        compare(c, again);
        return 0;
}
