/* A message and a conversation as they stand in answers on the bus: dictionaries, a{sv}, whose keys
 * docs/dbus/crypto1.md lists. A key that does not apply is not there. */
#pragma once

#include "cryptod/account.h"

/* Appends one. A storage error, or what sd_bus_message_append(3) says. */
int answer_message(struct account *a, const struct conversation *c, const struct message *message,
                   sd_bus_message *reply);
int answer_conversation(struct account *a, const struct conversation *c, sd_bus_message *reply);

/* Who says something: an address, as messenger_spell() writes it; "" for a remark of Visavis itself. */
void answer_sender(struct account *a, const struct conversation *c, enum message_sender sender, struct bytes from,
                   char out[static ADDRESS_TEXT_MAX + 1]);
