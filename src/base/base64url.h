/*
 * Base64 with the alphabet that is safe in URLs and file names (RFC 4648 section 5), without padding. There is exactly
 * one text for any bytes, and no other is taken: no padding, no blanks, no bits left over.
 */
#ifndef ROOMD_BASE_BASE64URL_H
#define ROOMD_BASE_BASE64URL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Characters for so many bytes; constant for a constant. */
#define BASE64URL_SIZE(bytes) (((bytes)*4 + 2) / 3)

/*
 * Writes BASE64URL_SIZE(size) characters, not terminated, and returns how many. Without a table or a branch on what it
 * encodes, so that the time it takes does not tell.
 */
size_t base64url_encode(char *out, const void *bytes, size_t size);

/*
 * Bytes of `text` into `out`, which must have room for size * 3 / 4. Returns how many, or -EINVAL: not the text of any
 * bytes, and `out` is undefined.
 */
ssize_t base64url_decode(uint8_t *out, const char *text, size_t size);

#endif
