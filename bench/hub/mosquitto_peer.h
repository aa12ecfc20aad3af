/* The peer that people know: mosquitto with QoS 1, persistent sessions and TCP_NODELAY, over plain TCP. It keeps what
 * is undelivered in a file that it writes now and then; it syncs no message. */
#pragma once

#include "bench/hub/traffic.h"

struct mosquitto;

/* Starts the broker with its state in @directory; NULL if the program is not there. */
struct mosquitto *mosquitto_start(const char *directory);
struct mosquitto *mosquitto_stop(struct mosquitto *m);

/* Publishes to @receivers subscribers, at most @window at a time unacknowledged, for @seconds. */
struct flow mosquitto_run(struct mosquitto *m, unsigned receivers, unsigned window, double seconds);
