/* The networks see what is known of the photographs: who stands where, and which two are one person. Needs the networks
 * (VISAVIS_MODELS) and the photographs (VISAVIS_PHOTOS). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "authd/models.h"
#include "authd/vision/picture.h"
#include "authd/vision/vision.h"
#include "services/cleanup.h"

enum { FACES_MAX = 16, PHOTOS = 6, FACES_IN_ALL_PHOTOS = 22 };

static struct vision *vision;

static int load(void **state)
{
        const char *directory = getenv("VISAVIS_MODELS");
        _cleanup_models_ struct models models = { 0 };

        if (!directory || !getenv("VISAVIS_PHOTOS"))
                return 0;
        return models_load_engine(directory, ENGINE_DEEP, &models) < 0 ? -1 : vision_new(&models, &vision);
}

static int unload(void **state)
{
        vision = vision_free(vision);
        return 0;
}

/* All faces of a photograph, the largest first. */
static size_t observe(const char *photo, unsigned wanted, struct observation out[static FACES_MAX])
{
        _cleanup_frame_ struct frame frame = { 0 };
        _cleanup_free_ char *path = NULL;
        size_t count = 0;

        if (!vision) {
                print_message(
                        "# VISAVIS_MODELS and VISAVIS_PHOTOS do not say where the networks and photographs are\n");
                skip();
        }
        assert_true(asprintf(&path, "%s/%s", getenv("VISAVIS_PHOTOS"), photo) > 0);
        assert_int_equal(picture_read(path, &frame), 0);
        assert_int_equal(vision_observe_all(vision, &frame, wanted, out, FACES_MAX, &count), 0);
        return count;
}

static void every_face_of_the_photographs_is_found(void **state)
{
        struct observation faces[FACES_MAX];
        size_t count = 0;

        for (unsigned i = 1; i <= PHOTOS; i++) {
                char name[32];

                snprintf(name, sizeof(name), "sample%u.jpg", i);
                count += observe(name, OBSERVE_LANDMARKS, faces);
        }
        assert_int_equal(count, FACES_IN_ALL_PHOTOS);
}

static void one_person_in_two_photographs_matches_and_others_do_not(void **state)
{
        struct observation first[FACES_MAX], second[FACES_MAX];
        size_t n = observe("sample1.jpg", OBSERVE_LANDMARKS | OBSERVE_EMBEDDING, first), matches = 0;

        assert_true(observe("sample3.jpg", OBSERVE_LANDMARKS | OBSERVE_EMBEDDING, second) >= 1);
        for (size_t i = 0; i < n; i++) {
                double cosine = embedding_cosine(first[i].embedding, second[0].embedding);

                print_message("# face %zu of sample1 and the largest of sample3: cosine %.2f\n", i + 1, cosine);
                assert_true(cosine > 0.55 || cosine < 0.45);
                matches += cosine > 0.55;
        }
        assert_int_equal(matches, 1);
}

static void landmarks_lie_about_the_face(void **state)
{
        struct observation faces[FACES_MAX];
        _cleanup_frame_ struct frame frame = { 0 };
        _cleanup_free_ char *path = NULL;
        size_t n = observe("sample4.jpg", OBSERVE_LANDMARKS, faces);

        assert_true(n >= 1);
        assert_true(asprintf(&path, "%s/sample4.jpg", getenv("VISAVIS_PHOTOS")) > 0);
        assert_int_equal(picture_read(path, &frame), 0);
        for (unsigned i = 0; i < LANDMARKS; i++) {
                double x = faces[0].landmark[i].x / frame.width, y = faces[0].landmark[i].y / frame.height;

                assert_true(x > faces[0].box.x - 0.25 * faces[0].box.width &&
                            x < faces[0].box.x + 1.25 * faces[0].box.width);
                assert_true(y > faces[0].box.y - 0.25 * faces[0].box.height &&
                            y < faces[0].box.y + 1.25 * faces[0].box.height);
        }
        /* The outer corners of the eyes: the one that is left in the picture first (iBUG 36 and 45). */
        assert_true(faces[0].landmark[36].x < faces[0].landmark[45].x);
}

static void a_network_that_is_not_the_right_file_is_refused(void **state)
{
        struct models models = { 0 };
        struct manifest wrong;

        if (!getenv("VISAVIS_MODELS"))
                skip();
        assert_int_equal(manifest_load(getenv("VISAVIS_MODELS"), ENGINE_DEEP, &wrong), 0);
        assert_int_equal(models_load("/nonexistent", &wrong, &models), -ENOENT);
        memcpy(wrong.model[MODEL_DETECT].sha256, wrong.model[MODEL_EYE].sha256, sizeof(wrong.model[0].sha256));
        assert_int_equal(models_load(getenv("VISAVIS_MODELS"), &wrong, &models), -EBADMSG);
        assert_int_equal(manifest_load("/nonexistent", ENGINE_DEEP, &wrong), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_face_of_the_photographs_is_found),
                cmocka_unit_test(one_person_in_two_photographs_matches_and_others_do_not),
                cmocka_unit_test(landmarks_lie_about_the_face),
                cmocka_unit_test(a_network_that_is_not_the_right_file_is_refused),
        };

        return cmocka_run_group_tests(tests, load, unload);
}
