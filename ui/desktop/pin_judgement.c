/* How long a PIN or passphrase holds. */
#include "ui/desktop/pin_judgement.h"

#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "ui/client/login.h"

/* Bits of guesswork that each grade needs. A vault's Argon2id takes about half a second on the machine that made it;
 * say that an attacker has ten times that, 20 guesses a second: 2^20 take 15 hours, 2^32 take seven years. */
enum { WEAK_BITS_MAX = 20, FAIR_BITS_MAX = 32 };

/* What people choose, besides patterns. */
static const char *const favourites[] = {
        "password", "passwort", "passwd", "qwerty",   "qwertz", "azerty", "letmein", "iloveyou", "welcome",
        "monkey",   "dragon",   "admin",  "football", "secret", "master", "visavis", "sunshine", "princess",
};

static bool is_digit(uint8_t c)
{
        return c >= '0' && c <= '9';
}

static uint8_t lower(uint8_t c)
{
        return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool all_digits(struct bytes pin)
{
        for (size_t i = 0; i < pin.size; i++)
                if (!is_digit(pin.data[i]))
                        return false;
        return true;
}

/* Each character is the one before it plus the same step: 1111, 1234, 9876, abcdef. */
static bool is_run(struct bytes pin)
{
        int step = pin.data[1] - pin.data[0];

        if (step < -1 || step > 1)
                return false;
        for (size_t i = 2; i < pin.size; i++)
                if (pin.data[i] - pin.data[i - 1] != step)
                        return false;
        return true;
}

/* One short piece over and over: 1212, abcabc. */
static bool is_repetition(struct bytes pin)
{
        for (size_t piece = 1; piece <= pin.size / 2; piece++)
                if (pin.size % piece == 0 && memcmp(pin.data, pin.data + piece, pin.size - piece) == 0)
                        return true;
        return false;
}

static unsigned number(struct bytes pin, size_t at, size_t n)
{
        unsigned v = 0;

        for (size_t i = at; i < at + n; i++)
                v = v * 10 + (unsigned) (pin.data[i] - '0');
        return v;
}

static bool is_year(unsigned v)
{
        return v >= 1900 && v <= 2099;
}

static bool is_day_and_month(unsigned a, unsigned b)
{
        return (a >= 1 && a <= 31 && b >= 1 && b <= 12) || (a >= 1 && a <= 12 && b >= 1 && b <= 31);
}

/* YYYY, DDMM, MMDD, DDMMYY, YYMMDD, DDMMYYYY, YYYYMMDD. */
static bool is_date(struct bytes pin)
{
        switch (pin.size) {
        case 4:
                return is_year(number(pin, 0, 4)) || is_day_and_month(number(pin, 0, 2), number(pin, 2, 2));
        case 6:
                return is_day_and_month(number(pin, 0, 2), number(pin, 2, 2)) ||
                       is_day_and_month(number(pin, 2, 2), number(pin, 4, 2));
        case 8:
                return (is_year(number(pin, 4, 4)) && is_day_and_month(number(pin, 0, 2), number(pin, 2, 2))) ||
                       (is_year(number(pin, 0, 4)) && is_day_and_month(number(pin, 4, 2), number(pin, 6, 2)));
        default:
                return false;
        }
}

/* A favourite with at most a few characters behind it. */
static bool is_favourite(struct bytes pin)
{
        enum { TAIL_MAX = 4 };

        for (unsigned i = 0; i < COUNT_OF(favourites); i++) {
                size_t n = strlen(favourites[i]), j = 0;

                while (j < n && j < pin.size && lower(pin.data[j]) == (uint8_t) favourites[i][j])
                        j++;
                if (j == n && pin.size - n <= TAIL_MAX)
                        return true;
        }
        return false;
}

/* Digits; small letters and spaces, as in words; capitals; all else. */
static unsigned class_of(uint8_t c)
{
        return is_digit(c) ? 0 : (c >= 'a' && c <= 'z') || c == ' ' ? 1 : c >= 'A' && c <= 'Z' ? 2 : 3;
}

/* Text in one case carries little; each further class of characters makes it less like text. */
static unsigned estimate_bits(struct bytes pin)
{
        static const unsigned tenths[] = { 22, 22, 30, 38, 45 }; /* of a bit a character, by the number of classes */
        bool classes[4] = { false };
        unsigned characters = 0, n = 0;

        if (all_digits(pin))
                return (unsigned) (pin.size * 33 / 10);
        for (size_t i = 0; i < pin.size; i++) {
                classes[class_of(pin.data[i])] = true;
                characters += (pin.data[i] & 0xc0) != 0x80;
        }
        for (unsigned i = 0; i < COUNT_OF(classes); i++)
                n += classes[i];
        return characters * tenths[n] / 10;
}

struct pin_judgement pin_judge(struct bytes pin)
{
        if (pin.size == 0)
                return (struct pin_judgement){ PIN_UNFIT, "" };
        if (pin.size < PIN_SIZE_MIN)
                return (struct pin_judgement){ PIN_UNFIT, "Too short: take at least four characters." };
        if (pin.size > PIN_SIZE_MAX)
                return (struct pin_judgement){ PIN_UNFIT, "Too long: a passphrase has at most 1024 bytes." };
        if (is_run(pin) || is_repetition(pin) || is_favourite(pin))
                return (struct pin_judgement){ PIN_UNFIT,
                                               "This is among the first that anybody tries. Take another one." };
        if (all_digits(pin) && is_date(pin))
                return (struct pin_judgement){ PIN_WEAK,
                                               "This reads like a date, and dates are tried first. It holds only as "
                                               "long as nobody steals this computer’s disk." };

        unsigned bits = estimate_bits(pin);
        if (bits <= WEAK_BITS_MAX)
                return (struct pin_judgement){ PIN_WEAK,
                                               "Good against somebody at this computer. Whoever steals its disk "
                                               "guesses it within hours." };
        if (bits <= FAIR_BITS_MAX)
                return (struct pin_judgement){
                        PIN_FAIR, "Good. Whoever steals this computer’s disk needs days to months to guess it."
                };
        return (struct pin_judgement){ PIN_STRONG, "Strong. It holds even if somebody steals this computer’s disk." };
}
