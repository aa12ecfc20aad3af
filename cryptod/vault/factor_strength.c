#include "cryptod/vault/factor_strength.h"

#include <errno.h>
#include <string.h>
#include <zxcvbn.h>

double factor_strength(const struct secret *factor)
{
        static const double most = 1000;
        _cleanup_secret_ struct secret *text = secret_new(factor->size + 1);
        double bits;

        memcpy(text->data, factor->data, factor->size);
        bits = ZxcvbnMatch((const char *) text->data, NULL, NULL);
        return bits < most ? bits : most;
}

int factor_strength_check(enum slot_kind kind, const struct secret *factor)
{
        double least = kind == SLOT_PASSPHRASE ? STRENGTH_ALONE : STRENGTH_WITH_FACE;

        return factor_strength(factor) < least ? -ERANGE : 0;
}
