/* What an unlocked account tells its person outside of the window: cryptod decides what of it may be shown (the level
 * of im.visavis.Crypto1.Notifications), and this shows that and no more. */
#pragma once

#include "ui/client/account.h"

struct notifier;

/* @watched says whether the person is looking at a conversation, of which nothing has to be told then. */
struct notifier *notifier_new(bool (*watched)(const char *conversation, void *userdata), void *userdata);
struct notifier *notifier_free(struct notifier *n);

/* Follows @a, which must be ready, until notifier_stop(). */
void notifier_follow(struct notifier *n, struct account *a);
void notifier_stop(struct notifier *n);
