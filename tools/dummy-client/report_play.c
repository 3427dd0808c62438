#include "dummy-client/report_play.h"

#include <ctype.h>
#include <inttypes.h>

enum { ERROR_NAME_BYTES = 32 };

static const char *const wrong_names[VIEW_WRONG_COUNT] = {
#define X(name, text) [VIEW_##name] = text,
    VIEW_WRONGS(X)
#undef X
};

static void error_name(uint32_t code, char out[ERROR_NAME_BYTES])
{
    static const char *const names[ROOMD_ERROR_COUNT] = {[0] = "UNKNOWN",
#define X(number, name, text) [number] = #name,
                                                         ROOMD_ERRORS(X)
#undef X
    };
    size_t i = 0;

    for (const char *name = names[code]; *name && i + 1 < ERROR_NAME_BYTES; name++) {
        out[i++] = (char)tolower((unsigned char)*name);
    }
    out[i] = '\0';
}

/* A list of names and counts: "a":1,"b":2 in JSON, or a 1, b 2 in the summary. */
static void print_entry(bool is_json, bool *is_first, const char *name, uint64_t count, FILE *out)
{
    const char *between = is_json ? "," : ", ";
    const char *quote = is_json ? "\"" : "";

    fprintf(out, "%s%s%s%s%s%" PRIu64, *is_first ? "" : between, quote, name, quote, is_json ? ":" : " ",
            count);
    *is_first = false;
}

/* What the summary says of an empty list. */
static void print_end(bool is_json, bool is_first, FILE *out)
{
    if (!is_json) {
        fputs(is_first ? "nothing\n" : "\n", out);
    }
}

static void print_refused(const struct play_counts *counts, bool is_json, FILE *out)
{
    bool is_first = true;
    char name[ERROR_NAME_BYTES];

    for (uint32_t code = 0; code < ROOMD_ERROR_COUNT; code++) {
        if (counts->refused[code] > 0) {
            error_name(code, name);
            print_entry(is_json, &is_first, name, counts->refused[code], out);
        }
    }
    print_end(is_json, is_first, out);
}

static void print_wrong(const struct play_counts *counts, bool is_json, FILE *out)
{
    bool is_first = true;

    for (int i = 0; i < VIEW_WRONG_COUNT; i++) {
        if (counts->views.wrong[i] > 0) {
            print_entry(is_json, &is_first, wrong_names[i], counts->views.wrong[i], out);
        }
    }
    print_end(is_json, is_first, out);
}

static double mean(const struct histogram *histogram)
{
    return histogram->count > 0 ? (double)histogram->sum / (double)histogram->count : 0;
}

void report_play_text(const struct load *load, FILE *out)
{
    const struct play *play = &load->play;
    struct play_counts counts = play_sum(play);

    if (play->kind == PLAY_BABBLE) {
        fprintf(out, "play         %s, %" PRIu64 " texts\nreceived     %" PRIu64 " packets\n",
                play_kind_name(play->kind), load->sent, counts.received);
    } else {
        fprintf(out,
                "play         %s, %" PRIu64 " moves sent, %" PRIu64 " seen, %" PRIu64 " put back\n"
                "in view      players: mean %.1f, p99 %" PRIu64 ", max %" PRIu64 "; other things: mean %.1f\n"
                "received     %" PRIu64 " packets\n",
                play_kind_name(play->kind), load->sent, counts.views.moves_seen, counts.corrected,
                mean(&play->players_known), histogram_quantile(&play->players_known, 0.99),
                play->players_known.max, mean(&play->things_known), counts.received);
        fprintf(out,
                "fighting     %" PRIu64 " hits seen, %" PRIu64 " kills, %" PRIu64 " deaths\n"
                "rooms        changed %" PRIu64 " times\n",
                counts.views.hits, counts.views.kills, counts.views.deaths, counts.rooms_changed);
    }
    if (load->backlogged > 0) {
        fprintf(out, "left out     %" PRIu64 " turns because a client's socket was full\n", load->backlogged);
    }
    fprintf(out, "refused      ");
    print_refused(&counts, false, out);
    fprintf(out, "wrong        ");
    print_wrong(&counts, false, out);
}

void report_play_json(const struct load *load, FILE *out)
{
    const struct play *play = &load->play;
    struct play_counts counts = play_sum(play);

    fprintf(out,
            "\"play\":{\"kind\":\"%s\",\"moves_sent\":%" PRIu64 ",\"moves_seen\":%" PRIu64
            ",\"corrected\":%" PRIu64 ",\"view_mean\":%.2f,\"view_p99\":%" PRIu64 ",\"view_max\":%" PRIu64
            ",\"things_mean\":%.2f,",
            play_kind_name(play->kind), play->kind == PLAY_BABBLE ? 0 : load->sent, counts.views.moves_seen,
            counts.corrected, mean(&play->players_known), histogram_quantile(&play->players_known, 0.99),
            play->players_known.max, mean(&play->things_known));
    fprintf(out,
            "\"kills\":%" PRIu64 ",\"deaths\":%" PRIu64 ",\"hits\":%" PRIu64 ",\"rooms_changed\":%" PRIu64
            ",\"refused\":{",
            counts.views.kills, counts.views.deaths, counts.views.hits, counts.rooms_changed);
    print_refused(&counts, true, out);
    fputs("},\"wrong\":{", out);
    print_wrong(&counts, true, out);
    fprintf(out, "},\"wrong_total\":%" PRIu64 "},", play_wrong_total(&counts));
}
