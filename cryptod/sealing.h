/* Whose keys a file is sealed and opened with. */
#pragma once

#include "cryptod/account.h"
#include "cryptod/conversation/messenger_contact.h"
#include "cryptod/files/file_job.h"

/* Fills in the keys of a request: to seal for the account itself, to seal for a contact (-ENOENT: their sealing key is
 * not known yet), and to open what is either, or only what @from has sealed (NULL: anybody). Besides: -EBADMSG, and the
 * vault's errors. */
int sealing_for_self(struct account *a, struct file_request *q);
int sealing_for_contact(struct account *a, const struct conversation *contact, struct file_request *q);
int sealing_to_open(struct account *a, const struct conversation *from, struct file_request *q);

/* What the sealer that a cover names is to the account, as the bus says it. */
const char *sealing_acquaintance(struct account *a, const struct cover_account *sealer);
