/*
 * The decoder of PROXY headers, as a connection uses it: however the beginning of a stream is cut into reads, the same
 * comes of it, and what it says holds of the bytes.
 *
 * Input: the stream.
 */
#include "fuzz.h"

#include "wire/proxy.h"

struct outcome {
    enum proxy_result result;
    size_t taken;
    struct proxy_header header;
};

/* All of `bytes`, in memory that ends where they do. */
static struct outcome decode(const uint8_t *bytes, size_t size)
{
    struct outcome outcome = {.result = PROXY_MORE};
    uint8_t *exact = fuzz_copy(bytes, size);
    struct frame_cursor cursor = {.data = exact, .size = size};

    outcome.result = proxy_next(&cursor, &outcome.header);
    outcome.taken = cursor.pos;
    free(exact);
    return outcome;
}

/* What must hold of a header, or of none. */
static void check_outcome(const struct outcome *outcome, const uint8_t *bytes, size_t size)
{
    char text[ADDRESS_TEXT_BYTES];

    switch (outcome->result) {
    case PROXY_OK:
        CHECK(outcome->taken <= size && outcome->taken <= PROXY_V2_BYTES_MAX);
        CHECK(proxy_is_begun(bytes, size));
        CHECK(bytes[0] != 'P' || (outcome->taken <= PROXY_V1_BYTES_MAX && bytes[outcome->taken - 1] == '\n'));
        CHECK(endpoint_format(&outcome->header.source, text) == text && text[0] != '\0');
        break;
    case PROXY_MORE:
        CHECK(outcome->taken == 0 && size < PROXY_V2_BYTES_MAX);
        CHECK(size == 0 || bytes[0] != 'P' || size < PROXY_V1_BYTES_MAX);
        break;
    case PROXY_BAD:
        CHECK(outcome->taken == 0);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct outcome whole = decode(data, size);
    enum proxy_result before = PROXY_MORE;

    check_outcome(&whole, data, size);
    for (size_t cut = 0; cut <= size && cut <= PROXY_V2_BYTES_MAX + 1; cut++) {
        const struct outcome part = decode(data, cut);

        check_outcome(&part, data, cut);
        CHECK(before == PROXY_MORE || part.result == before); /* what it is once, it stays */
        if (part.result == PROXY_OK) {
            CHECK(whole.result == PROXY_OK && part.taken == whole.taken);
            CHECK(part.header.source.is_known == whole.header.source.is_known);
            CHECK(!part.header.source.is_known ||
                  (part.header.source.port == whole.header.source.port &&
                   memcmp(&part.header.source.host, &whole.header.source.host, HOST_BYTES) == 0));
        }
        before = part.result;
    }
    CHECK(before == whole.result);
    return 0;
}
