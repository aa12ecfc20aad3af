/* visavis-face-eval: how well an engine of authd tells the people of a folder apart, and living faces from others.
 *
 * It looks with the very code of authd; recognition.c and attack.c say what is in a folder. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/eval/eval.h"
#include "services/cleanup.h"

static const char usage[] =
        "Usage: visavis-face-eval DIR [--tight] [--json] [--engine deep|lbph] [--models DIRECTORY] [--scores FILE]\n"
        "       visavis-face-eval --attack DIR [--json] [--models DIRECTORY]\n"
        "Compares every pair of the pictures DIR/person/picture as authd does.\n"
        "  --tight         the faces fill their pictures: a border is put about them, and they are enlarged\n"
        "  --json          figures as JSON\n"
        "  --engine NAME   how to look; deep unless said otherwise\n"
        "  --models DIR    where the manifest and the networks are\n"
        "  --scores FILE   each comparison: \"genuine SCORE\" or \"impostor SCORE\", a line each\n"
        "  --attack        DIR holds presentations instead: DIR/bona-fide/NAME/MOVEMENT and\n"
        "                  DIR/SPECIES/NAME/MOVEMENT, each a folder of pictures or a video. MOVEMENT is "
        "look-straight,\n"
        "                  and any of turn-left-a-little, turn-left-far, turn-left and so on, blink-1 to "
        "blink-3\n";

static int prepare(struct evaluation *e, const char *models, enum engine engine)
{
        _cleanup_models_ struct models files = { 0 };
        int r = models_load_engine(models, engine, &files);

        e->manifest = files.manifest;
        return r < 0 ? r : vision_new(&files, &e->vision);
}

int main(int argc, char *argv[])
{
        static const struct option options[] = {
                { "tight", no_argument, NULL, 't' },
                { "json", no_argument, NULL, 'j' },
                { "models", required_argument, NULL, 'm' },
                { "scores", required_argument, NULL, 's' },
                { "engine", required_argument, NULL, 'e' },
                { "attack", no_argument, NULL, 'a' },
                { NULL, 0, NULL, 0 },
        };
        const char *models = MODELS_DIRECTORY;
        enum engine engine = ENGINE_DEEP;
        struct evaluation e = { 0 };
        bool attack = false, good = true;

        for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
                if (c == 't')
                        e.tight = true;
                else if (c == 'j')
                        e.json = true;
                else if (c == 'm')
                        models = optarg;
                else if (c == 's')
                        e.scores = optarg;
                else if (c == 'a')
                        attack = true;
                else
                        good = good && c == 'e' && engine_parse(optarg, &engine) >= 0;
        }
        if (!good || optind + 1 != argc || (attack && (e.tight || e.scores || engine != ENGINE_DEEP))) {
                fputs(usage, stderr);
                return 2;
        }
        e.directory = argv[optind];
        int r = prepare(&e, models, engine);

        if (r >= 0)
                r = attack ? evaluate_attacks(&e) : evaluate_recognition(&e);
        if (r < 0 && r != -EINVAL)
                fprintf(stderr, "visavis-face-eval: %s: %s\n", e.directory, strerror(-r));
        vision_free(e.vision);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
