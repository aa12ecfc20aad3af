/* See bare.h. */
#include "bench/authd/bare.h"

#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/dnn.hpp>

struct bare {
        cv::dnn::Net net[MODEL_COUNT];
        cv::Mat input[MODEL_COUNT];
        std::vector<cv::String> outputs[MODEL_COUNT];
};

struct bare *bare_new(const struct models *m)
{
        struct bare *b = new bare;

        for (int i = 0; i < MODEL_COUNT; i++) {
                const struct model_entry *entry = &m->manifest.model[i];
                const int sizes[] = { 1, entry->input.channels == CHANNELS_GREY ? 1 : 3, int(entry->input.height),
                                      int(entry->input.width) };

                b->net[i] = cv::dnn::readNetFromONNX(reinterpret_cast<const char *>(m->file[i].data), m->file[i].size);
                b->input[i] = cv::Mat(4, sizes, CV_32F);
                cv::randu(b->input[i], -1, 1);
                for (const auto &name : entry->output)
                        if (name[0])
                                b->outputs[i].emplace_back(name);
                if (b->outputs[i].empty())
                        b->outputs[i] = b->net[i].getUnconnectedOutLayersNames();
                bare_run(b, static_cast<enum model>(i));
        }
        return b;
}

void bare_run(struct bare *b, enum model m)
{
        std::vector<cv::Mat> out;

        b->net[m].setInput(b->input[m]);
        b->net[m].forward(out, b->outputs[m]);
}

struct bare *bare_free(struct bare *b)
{
        delete b;
        return nullptr;
}
