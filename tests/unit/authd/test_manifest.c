/* The manifest of the networks is taken as a whole or refused, and the refusal says where. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../services/cmocka_headers.h"

#include "authd/manifest.h"
#include "services/cleanup.h"

static char original[MANIFEST_SIZE_MAX];

static int read_original(void **state)
{
        _cleanup_fclose_ FILE *f = fopen(MANIFEST, "re");

        return f && fread(original, 1, sizeof(original) - 1, f) > 0 ? 0 : -1;
}

static int parse(const char *text, struct manifest *out, char error[static MANIFEST_ERROR_MAX])
{
        return manifest_parse(BYTES_STRING(text), out, error);
}

static void what_is_installed_is_read(void **state)
{
        char error[MANIFEST_ERROR_MAX] = "";
        struct manifest m;

        assert_int_equal(parse(original, &m, error), 0);
        assert_int_equal(m.engine, ENGINE_DEEP);
        assert_string_equal(m.model[MODEL_EYE].file, "fr_eye.onnx");
        assert_int_equal(m.model[MODEL_EYE].sha256[0], 0x1a);
        assert_int_equal(m.model[MODEL_DETECT].input.width, 320);
        assert_int_equal(m.model[MODEL_LANDMARK].input.channels, CHANNELS_GREY);
        assert_string_equal(m.model[MODEL_POSE].output[2], "618");
        assert_true(m.thresholds.match > 0.5 && m.thresholds.match < 0.6);
        assert_true(m.thresholds.hopeless < m.thresholds.doubtful);
}

/* @from of the installed manifest becomes @to. */
static void refused(const char *from, const char *to, const char *said)
{
        static char changed[2 * MANIFEST_SIZE_MAX];
        const char *at = strstr(original, from);
        char error[MANIFEST_ERROR_MAX] = "";
        struct manifest m = { .name = "untouched" };

        assert_non_null(at);
        snprintf(changed, sizeof(changed), "%.*s%s%s", (int) (at - original), original, to, at + strlen(from));
        assert_int_equal(parse(changed, &m, error), -EBADMSG);
        print_message("# %s\n", error);
        assert_non_null(strstr(error, said));
        assert_string_equal(m.name, "untouched");
}

static void a_mistake_is_named_with_its_place(void **state)
{
        refused("visavis-models-1", "visavis-models-2", "format");
        refused("\"deep\"", "\"shallow\"", "no engine \"shallow\"");
        refused("\"eye\": {", "\"ear\": {", "\"ear\" is no key");
        refused("\"sha256\": \"6c", "\"sha256\": \"6C", "detect: \"sha256\"");
        refused("\"sha256\": \"6c", "\"sha512\": \"6c", "detect: \"sha512\" is no key");
        refused("\"licence\": \"MIT\",", "", "detect: \"licence\" is missing");
        refused("fr_detect.onnx", "../fr_detect.onnx", "detect: \"file\"");
        refused("\"width\": 320", "\"width\": 3200", "detect: \"width\" must be from 8");
        refused("\"width\": 320", "\"width\": \"320\"", "detect: \"width\" is of type string");
        refused("\"width\": 112", "\"width\": 113", "feature");
        refused("\"rgb\"", "\"cmyk\"", "rgb, bgr or grey");
        refused("\"mean\": [0]", "\"mean\": [0, 0]", "landmark: \"mean\"");
        refused("\"mean\": [0]", "\"mean\": [\"0\"]", "landmark: \"mean\" must be a number");
        refused("[\"boxes\", \"scores\"]", "[\"boxes\"]", "detect: \"outputs\" must have 2");
        refused("\"match\": 0.55", "\"match\": 45", "feature: \"match\" must be from 0 to 1");
        refused("\"match\": 0.55", "\"match\": NaN", "feature: \"match\"");
        refused("\"match\": 0.55, ", "", "feature: the threshold \"match\" is missing");
        refused("}\n  }\n}", "}\n  }\n", "no JSON");
        refused("}\n  }\n}", "}\n  }\n} {}", "no JSON");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_installed_is_read),
                cmocka_unit_test(a_mistake_is_named_with_its_place),
        };

        return cmocka_run_group_tests(tests, read_original, NULL);
}
