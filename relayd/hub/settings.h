/* hub.conf: which keys there are, and what they come to. */
#pragma once

#include "hub.h"
#include "services/config.h"

extern const struct config_key hub_config_keys[];

/* Reads what governs the hub and its store, and whether there is to be an access log. The strings of @s belong to @c. A
 * sentence has been logged on error. */
int hub_settings_read(const struct config *c, struct hub_settings *s, struct store_limits *l, bool *access_log);

/* The rooms that hub.conf and @more (words between spaces; NULL: none) name, each once, between single spaces; the
 * caller frees them. -EINVAL, and a sentence has been logged, for one that is none. */
int hub_settings_rooms(const struct config *c, const char *more, char **out);
