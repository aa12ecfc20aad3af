/* See face_secret.h. */
#include "face_secret.h"

#include "authd/accounts.h"

int face_secret_on_disk(const char *authd_state, const char *account, uid_t uid, struct secret **out)
{
        struct accounts *accounts;
        int r = accounts_open(authd_state, &accounts);

        if (r < 0)
                return r;
        r = accounts_face_secret(accounts, account, uid, out);
        accounts_close(accounts);
        return r;
}
