/* See manifest.h. */
#include "authd/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "services/cleanup.h"
#include "services/file.h"
#include "services/log.h"
#include "services/text.h"

#define FORMAT "visavis-models-1"

enum { DEPTH_MAX = 8, INPUT_SIDE_MAX = 1024 };

static const char *const engines[ENGINE_COUNT] = { [ENGINE_DEEP] = "deep", [ENGINE_LBPH] = "lbph" };
static const char *const models[MODEL_COUNT] = { "detect", "landmark", "feature", "liveness", "pose", "eye" };
static const char *const channel_names[] = { [CHANNELS_RGB] = "rgb", [CHANNELS_BGR] = "bgr", [CHANNELS_GREY] = "grey" };

/* What each model has to say: names of outputs, and thresholds in this order. Those of lbph's feature are of a method
 * that is in the program, so it has no file. */
static const struct {
        bool used, file, input;
        unsigned outputs;
        const char *threshold[3];
} wanted[ENGINE_COUNT][MODEL_COUNT] = {
        [ENGINE_DEEP] = {
                [MODEL_DETECT] = { true, true, true, 2, { "score", "overlap" } },
                [MODEL_LANDMARK] = { true, true, true, 0, { NULL } },
                [MODEL_FEATURE] = { true, true, true, 0, { "match", "same" } },
                [MODEL_LIVENESS] = { true, true, true, 0, { "hopeless", "doubtful" } },
                [MODEL_POSE] = { true, true, true, 3, { NULL } },
                [MODEL_EYE] = { true, true, true, 0, { NULL } },
        },
        [ENGINE_LBPH] = {
                [MODEL_DETECT] = { true, true, false, 0, { NULL } },
                [MODEL_FEATURE] = { true, false, false, 0, { "match", "same" } },
                [MODEL_EYE] = { true, true, false, 0, { NULL } },
        },
};

/* The parse: the place that is read, for the error, which sticks. */
struct parse {
        const char *model; /* or NULL at the top */
        char *error;
        int r;
};

static void __attribute__((format(printf, 2, 3))) refuse(struct parse *p, const char *format, ...)
{
        va_list list;

        if (p->r < 0)
                return;
        p->r = -EBADMSG;
        int n = snprintf(p->error, MANIFEST_ERROR_MAX, "%s%s", p->model ? p->model : "", p->model ? ": " : "");

        va_start(list, format);
        (void) vsnprintf(p->error + n, MANIFEST_ERROR_MAX - (size_t) n, format, list);
        va_end(list);
}

/* The member @key of @o, which must be of @type; NULL after an error. */
static json_object *member(struct parse *p, json_object *o, const char *key, json_type type)
{
        json_object *value = NULL;

        if (p->r < 0)
                return NULL;
        if (!json_object_object_get_ex(o, key, &value))
                refuse(p, "\"%s\" is missing.", key);
        else if (!json_object_is_type(value, type))
                refuse(p, "\"%s\" is of type %s and must be of type %s.", key,
                       json_type_to_name(json_object_get_type(value)), json_type_to_name(type));
        return p->r < 0 ? NULL : value;
}

/* Refuses what is not among @known, which ends with NULL. */
static void only(struct parse *p, json_object *o, const char *const known[])
{
        if (p->r < 0)
                return;
        json_object_object_foreach(o, key, value)
        {
                bool found = false;

                (void) value;
                for (unsigned i = 0; known[i]; i++)
                        found = found || strcmp(known[i], key) == 0;
                if (!found)
                        refuse(p, "\"%.40s\" is no key that is known here.", key);
        }
}

static void text_of(struct parse *p, json_object *value, const char *key, char *out, size_t size)
{
        const char *s = value ? json_object_get_string(value) : "";
        size_t length = value ? (size_t) json_object_get_string_len(value) : 0;

        if (p->r < 0)
                return;
        if (length == 0 || length >= size || !utf8_valid(BYTES(s, length)))
                refuse(p, "\"%s\" must be a text of 1 to %zu bytes in UTF-8.", key, size - 1);
        else
                memcpy(out, s, length + 1);
}

static void text(struct parse *p, json_object *o, const char *key, char *out, size_t size)
{
        text_of(p, member(p, o, key, json_type_string), key, out, size);
}

static double number_of(struct parse *p, json_object *value, const char *key, double min, double max)
{
        double v = NAN;

        if (p->r < 0)
                return v;
        if (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int))
                refuse(p, "\"%s\" must be a number.", key);
        else if (v = json_object_get_double(value), !(v >= min && v <= max))
                refuse(p, "\"%s\" must be from %g to %g.", key, min, max);
        return v;
}

static unsigned side(struct parse *p, json_object *o, const char *key)
{
        json_object *value = member(p, o, key, json_type_int);
        double v = number_of(p, value, key, 8, INPUT_SIDE_MAX);

        return p->r < 0 ? 0 : (unsigned) v;
}

static void numbers(struct parse *p, json_object *o, const char *key, unsigned count, double out[static 3])
{
        json_object *list = member(p, o, key, json_type_array);

        if (p->r >= 0 && json_object_array_length(list) != count)
                refuse(p, "\"%s\" must have a number for each channel, so %u.", key, count);
        for (unsigned i = 0; p->r >= 0 && i < count; i++)
                out[i] = number_of(p, json_object_array_get_idx(list, i), key, -1e4, 1e4);
}

static void input(struct parse *p, json_object *o, struct model_input *out)
{
        static const char *const known[] = { "width", "height", "channels", "mean", "scale", NULL };
        char channels[8] = "";
        unsigned c = 0;

        if (p->r < 0)
                return;
        only(p, o, known);
        out->width = side(p, o, "width");
        out->height = side(p, o, "height");
        text(p, o, "channels", channels, sizeof(channels));
        while (c < COUNT_OF(channel_names) && strcmp(channels, channel_names[c]) != 0)
                c++;
        if (c == COUNT_OF(channel_names)) {
                refuse(p, "\"channels\" must be rgb, bgr or grey.");
                return;
        }
        out->channels = (enum channels) c;
        numbers(p, o, "mean", c == CHANNELS_GREY ? 1 : 3, out->mean);
        numbers(p, o, "scale", c == CHANNELS_GREY ? 1 : 3, out->scale);
}

static void outputs(struct parse *p, json_object *o, unsigned count, struct model_entry *out)
{
        json_object *list = member(p, o, "outputs", json_type_array);

        if (p->r >= 0 && json_object_array_length(list) != count)
                refuse(p, "\"outputs\" must have %u names.", count);
        for (unsigned i = 0; p->r >= 0 && i < count; i++) {
                json_object *name = json_object_array_get_idx(list, i);

                if (!json_object_is_type(name, json_type_string))
                        refuse(p, "\"outputs\" must have %u names.", count);
                text_of(p, name, "outputs", out->output[i], sizeof(out->output[i]));
        }
}

static void thresholds(struct parse *p, json_object *o, const char *const key[static 3], double *const out[static 2])
{
        o = member(p, o, "thresholds", json_type_object);
        if (p->r < 0)
                return;
        only(p, o, key);
        for (unsigned i = 0; p->r >= 0 && i < 2; i++) {
                json_object *value = NULL;

                if (!json_object_object_get_ex(o, key[i], &value))
                        refuse(p, "the threshold \"%s\" is missing.", key[i]);
                *out[i] = number_of(p, value, key[i], 0, 1);
        }
}

static void digest(struct parse *p, json_object *o, uint8_t out[static 32])
{
        json_object *value = member(p, o, "sha256", json_type_string);

        if (p->r >= 0 && hex_decode(json_object_get_string(value), out, 32) < 0)
                refuse(p, "\"sha256\" must be 64 hex digits in lower case; sha256sum(1) prints them.");
}

/* A name leads out of the directory only openly, as an absolute path. */
static void file_name(struct parse *p, json_object *o, char *out, size_t size)
{
        text(p, o, "file", out, size);
        if (p->r >= 0 && out[0] != '/' && (strchr(out, '/') || out[0] == '.'))
                refuse(p, "\"file\" must be a file of the models' directory, or an absolute path.");
}

static void one_model(struct parse *p, json_object *all, enum model m, struct manifest *out)
{
        double *const figures[MODEL_COUNT][2] = {
                [MODEL_DETECT] = { &out->score, &out->overlap },
                [MODEL_FEATURE] = { &out->thresholds.match, &out->thresholds.same },
                [MODEL_LIVENESS] = { &out->thresholds.hopeless, &out->thresholds.doubtful },
        };
        const char *known[8] = { "licence", "origin" };
        struct model_entry *entry = &out->model[m];
        json_object *o = member(p, all, models[m], json_type_object);
        unsigned outputs_count = wanted[out->engine][m].outputs, n = 2;
        const char *const *threshold = wanted[out->engine][m].threshold;

        if (p->r < 0)
                return;
        p->model = models[m];
        entry->used = true;
        if (wanted[out->engine][m].file) {
                known[n++] = "file";
                known[n++] = "sha256";
        }
        if (wanted[out->engine][m].input)
                known[n++] = "input";
        if (outputs_count > 0)
                known[n++] = "outputs";
        if (threshold[0])
                known[n] = "thresholds";
        only(p, o, known);
        text(p, o, "licence", entry->licence, sizeof(entry->licence));
        text(p, o, "origin", entry->origin, sizeof(entry->origin));
        if (wanted[out->engine][m].file) {
                file_name(p, o, entry->file, sizeof(entry->file));
                digest(p, o, entry->sha256);
        }
        if (wanted[out->engine][m].input)
                input(p, member(p, o, "input", json_type_object), &entry->input);
        if (outputs_count > 0)
                outputs(p, o, outputs_count, entry);
        if (threshold[0])
                thresholds(p, o, threshold, figures[m]);
        p->model = NULL;
}

static void whole(struct parse *p, json_object *o, struct manifest *out)
{
        static const char *const known[] = { "format", "engine", "name", "models", NULL };
        const char *model_names[MODEL_COUNT + 1] = { NULL };
        char format[32] = "", engine[32] = "";

        only(p, o, known);
        text(p, o, "format", format, sizeof(format));
        if (p->r >= 0 && strcmp(format, FORMAT) != 0)
                refuse(p, "the format is not \"" FORMAT "\".");
        text(p, o, "engine", engine, sizeof(engine));
        if (p->r >= 0 && engine_parse(engine, &out->engine) < 0)
                refuse(p, "there is no engine \"%s\".", engine);
        text(p, o, "name", out->name, sizeof(out->name));
        o = member(p, o, "models", json_type_object);
        for (unsigned m = 0, n = 0; m < MODEL_COUNT; m++)
                if (wanted[out->engine][m].used)
                        model_names[n++] = models[m];
        if (o)
                only(p, o, model_names);
        for (unsigned m = 0; p->r >= 0 && m < MODEL_COUNT; m++)
                if (wanted[out->engine][m].used)
                        one_model(p, o, (enum model) m, out);
        if (p->r >= 0 && out->model[MODEL_FEATURE].input.width != out->model[MODEL_FEATURE].input.height)
                refuse(p, "feature: \"width\" and \"height\" must be the same.");
}

static void put(json_object **o)
{
        json_object_put(*o);
}

static void free_tokener(json_tokener **t)
{
        if (*t)
                json_tokener_free(*t);
}

int manifest_parse(struct bytes json, struct manifest *out, char error[static MANIFEST_ERROR_MAX])
{
        _cleanup_(free_tokener) json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
        _cleanup_(put) json_object *o = NULL;
        struct parse p = { .error = error };
        struct manifest found = { 0 };

        if (!tokener)
                return -ENOMEM;
        if (json.size > MANIFEST_SIZE_MAX) {
                refuse(&p, "it is larger than %d bytes.", MANIFEST_SIZE_MAX);
                return p.r;
        }
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        o = json_tokener_parse_ex(tokener, (const char *) json.data, (int) json.size);
        if (json_tokener_get_error(tokener) != json_tokener_success)
                refuse(&p, "it is no JSON: %s at byte %zu.",
                       json_tokener_get_error(tokener) == json_tokener_continue
                               ? "it ends too early"
                               : json_tokener_error_desc(json_tokener_get_error(tokener)),
                       json_tokener_get_parse_end(tokener));
        else if (!json_object_is_type(o, json_type_object))
                refuse(&p, "it is no JSON object.");
        else
                whole(&p, o, &found);
        if (p.r >= 0)
                *out = found;
        return p.r;
}

int manifest_load(const char *directory, enum engine engine, struct manifest *out)
{
        _cleanup_writer_ struct writer content = WRITER_INIT;
        _cleanup_free_ char *path = NULL;
        char error[MANIFEST_ERROR_MAX] = "";
        struct manifest found;

        if (asprintf(&path, "%s/%s.json", directory, engine_name(engine)) < 0)
                return -ENOMEM;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        int r = fd < 0 ? -errno : file_read(fd, MANIFEST_SIZE_MAX, &content);

        if (r < 0) {
                log_error("The manifest of the face models, %s, cannot be read (%s); install it, or set [models] "
                          "directory in authd.conf.",
                          path, strerror(-r));
                return r;
        }
        r = manifest_parse(writer_bytes(&content), &found, error);
        if (r >= 0 && found.engine != engine) {
                (void) snprintf(error, sizeof(error), "it is of the engine %s.", engine_name(found.engine));
                r = -EBADMSG;
        }
        if (r < 0)
                log_error("The manifest of the face models, %s, is not used: %s docs/models.md describes it.", path,
                          r == -EBADMSG ? error : "there is not enough memory.");
        else
                *out = found;
        return r;
}

const char *engine_name(enum engine e)
{
        return engines[e];
}

int engine_parse(const char *name, enum engine *out)
{
        for (unsigned i = 0; i < ENGINE_COUNT; i++) {
                if (strcmp(name, engines[i]) == 0) {
                        *out = (enum engine) i;
                        return 0;
                }
        }
        return -EINVAL;
}

const char *model_name(enum model m)
{
        return models[m];
}
