/* See sight_wire.h. */
#include "authd/sight_wire.h"

enum { ERROR_MAX = 4095 }; /* the largest that the kernel knows */

bool sight_news_valid(const struct sight_news *news, size_t size)
{
        if (size != sizeof(*news))
                return false;
        switch (news->kind) {
        case SIGHT_READY:
        case SIGHT_TIME:
                return true;
        case SIGHT_SEEN:
                return observation_valid(&news->observation);
        case SIGHT_END:
                return news->error < 0 && news->error >= -ERROR_MAX;
        }
        return false;
}
