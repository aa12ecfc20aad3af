/* Accounts by the thousand, called m0, m1, …: put into a hub's store before the hub starts, since registering them over
 * the wire is not what is measured. */
#pragma once

#include <stdint.h>

#include "relayd/link/message.h"

enum { CROWD_NAME_SIZE = 16 };

/* Registers @size accounts with one transport key in the store in @directory, and puts @messages of 1 KiB into their
 * mailboxes in turn, leaving out the first @spared. What is there already is not made again. */
void crowd_make(const char *directory, const uint8_t transport_key[static WIRE_TRANSPORT_KEY_SIZE], unsigned size,
                unsigned messages, unsigned spared);

/* The name of one, NUL-terminated; and as an element of SEND's vector of recipients, in @out. */
void crowd_name(unsigned i, char out[static CROWD_NAME_SIZE]);
struct bytes crowd_recipient(unsigned i, uint8_t out[static CROWD_NAME_SIZE]);
