#include "dummy-client/report.h"

#include "dummy-client/misbehave.h"
#include "dummy-client/report_play.h"

#include <inttypes.h>
#include <unistd.h>

enum { REASON_BYTES = 32 };

struct figures {
    struct verify_totals totals;
    uint64_t lost;
    double seconds;
    double deliveries_per_s;
    double cpu_share;
    double server_cpu_s;
};

static double share(uint64_t part, double whole)
{
    return whole > 0 ? (double)part / whole : 0;
}

static struct figures figures_of(const struct load *load)
{
    struct figures figures = {.totals = verify_sum(&load->verify)};
    bool has_begun = load->window_ns > 0;

    if (play_is_on(&load->play)) { /* what is expected of a world is judged by its views */
        figures.totals.received = play_sum(&load->play).received;
        figures.totals.expected = figures.totals.received;
    }
    figures.lost = figures.totals.expected > figures.totals.received
                       ? figures.totals.expected - figures.totals.received
                       : 0;
    if (has_begun && figures.totals.received > 0) {
        figures.seconds = (double)(load->last_arrival_ns - load->window_ns) / (double)NS_PER_S;
    } else if (has_begun) {
        figures.seconds = load->options->window_s;
    }
    figures.deliveries_per_s = share(figures.totals.received, figures.seconds);
    figures.cpu_share = share(load->cpu_end_ns - load->cpu_begin_ns, figures.seconds * (double)NS_PER_S);
    if (load->server_cpu_end_ns > load->server_cpu_begin_ns) {
        figures.server_cpu_s =
            (double)(load->server_cpu_end_ns - load->server_cpu_begin_ns) / (double)NS_PER_S;
    }
    return figures;
}

static bool is_good(const struct load *load, const struct figures *figures)
{
    const struct verify_totals *totals = &figures->totals;
    uint32_t awaited = misbehave_awaited(load->options);
    struct play_counts counts = play_sum(&load->play);
    uint64_t wrong = play_wrong_total(&counts);
    bool is_idle = play_is_on(&load->play) && load->sent == 0 && load->options->rate > 0;

    return figures->lost == 0 && totals->doubled == 0 && totals->out_of_order == 0 && totals->foreign == 0 &&
           totals->corrupt == 0 && totals->unjudged == 0 && totals->miscounted == 0 && load->missed == 0 &&
           load->joined == awaited && load->window_ns > 0 && wrong == 0 && !is_idle;
}

bool report_is_good(const struct load *load)
{
    struct figures figures = figures_of(load);

    return is_good(load, &figures);
}

static double quantile_ms(const struct histogram *histogram, double quantile)
{
    return (double)histogram_quantile(histogram, quantile) / 1000;
}

static bool shows_progress(const struct load *load)
{
    return !load->options->is_quiet && isatty(STDERR_FILENO) == 1;
}

void report_progress(struct load *load)
{
    if (!shows_progress(load)) {
        return;
    }
    uint64_t received =
        play_is_on(&load->play) ? play_sum(&load->play).received : verify_sum(&load->verify).received;
    double since_s = load->window_ns > 0 ? (double)(load->now_ns - load->window_ns) / (double)NS_PER_S : 0;

    fprintf(stderr,
            "\r\033[K%5.0f s  %" PRIu32 "/%" PRIu32 " in  sent %" PRIu64 "  received %" PRIu64
            " (%.2f M/s)  p99 %.1f ms",
            since_s, load->joined - load->missed, load->options->clients, load->sent, received,
            (double)(received - load->progress_received) / 1e6, quantile_ms(&load->verify.latency_us, 0.99));
    load->progress_received = received;
}

void report_progress_end(const struct load *load)
{
    if (shows_progress(load)) {
        fputs("\r\033[K", stderr);
    }
}

static void print_disconnects(const struct load *load, FILE *out)
{
    char name[REASON_BYTES];
    bool is_any = false;

    for (uint32_t i = 1; i < DISCONNECT_COUNT; i++) {
        if (load->disconnects[i] > 0) {
            disconnect_name(i, name, sizeof(name));
            fprintf(out, "%s%s %" PRIu64, is_any ? ", " : "", name, load->disconnects[i]);
            is_any = true;
        }
    }
    fputs(is_any ? "\n" : "none\n", out);
}

static void print_checks(const struct load *load, const struct figures *figures, FILE *out)
{
    const struct verify_totals *totals = &figures->totals;

    fprintf(out, "sent         %" PRIu64 " messages", load->sent);
    if (load->backlogged > 0) {
        fprintf(out, "; %" PRIu64 " turns left out because a client's socket was full", load->backlogged);
    }
    fprintf(out, "\nexpected     %" PRIu64 " deliveries\n", totals->expected);
    fprintf(out,
            "received     %" PRIu64 "  lost %" PRIu64 "  doubled %" PRIu64 "  out of order %" PRIu64
            "  foreign %" PRIu64 "  corrupt %" PRIu64 "\n",
            totals->received, figures->lost, totals->doubled, totals->out_of_order, totals->foreign,
            totals->corrupt);
    if (totals->unjudged > 0) {
        fprintf(out, "not judged   %" PRIu64 " deliveries, for want of memory\n", totals->unjudged);
    }
    if (load->options->trunc_check > 0) {
        fprintf(out,
                "verified     %" PRIu32
                " clients by every byte; --trunc-check: of the others the bytes were only "
                "counted, and the latency is that of the verified\n",
                load->verified);
    } else {
        fprintf(out, "verified     %" PRIu32 " clients, every byte\n", load->verified);
    }
}

/* What was left out for slow readers, and what some did on purpose. */
static void print_odd(const struct load *load, const struct figures *figures, FILE *out)
{
    if (load->resyncs > 0) {
        fprintf(out, "resyncs      %" PRIu64 ": %" PRIu64 " packets of %" PRIu64 " bytes left out",
                load->resyncs, load->packets_skipped, load->bytes_skipped);
        if (figures->totals.miscounted > 0) {
            fprintf(out, "; %" PRIu64 " times that is not what is missing", figures->totals.miscounted);
        }
        fputs("\n", out);
    }
    if (load->pauses > 0) {
        fprintf(out, "pauses       %" PRIu64 "\n", load->pauses);
    }
    if (load->flooded > 0) {
        fprintf(out, "flood        %" PRIu64 " packets\n", load->flooded);
    }
}

static void print_server(const struct load *load, const struct figures *figures, FILE *out)
{
    if (load->watch.pid == 0) {
        return;
    }
    fprintf(out, "server       %.3f s CPU (%.1f %% of a core", figures->server_cpu_s,
            100 * share((uint64_t)(figures->server_cpu_s * 1e9), figures->seconds * 1e9));
    if (figures->totals.received > 0) {
        fprintf(out, ", %.2f us per 1,000 deliveries",
                figures->server_cpu_s * 1e9 / (double)figures->totals.received);
    }
    fprintf(out,
            ")\nmemory       %" PRIu64 " KiB before, %" PRIu64 " with all in, %" PRIu64
            " at the end, %" PRIu64 " at most\n",
            load->rss_before_kib, load->rss_joined_kib, load->rss_end_kib, load->rss_peak_kib);
}

static const char *verdict(const struct load *load, const struct figures *figures)
{
    if (!is_good(load, figures)) {
        return "FAILED";
    }
    if (play_is_on(&load->play)) {
        return "OK           all that was told fits together";
    }
    return load->resyncs > 0
               ? "OK           all that was sent arrived everywhere, in order, once, but for what the "
                 "server said it left out"
               : "OK           all that was sent arrived everywhere, in order, once";
}

static void print_summary(const struct load *load, const struct figures *figures, FILE *out)
{
    const struct options *options = load->options;
    const struct histogram *latency = &load->verify.latency_us;

    bool is_talk = options->play == PLAY_CHAT || options->play == PLAY_BABBLE;

    fprintf(out, "clients      %" PRIu32 " of %" PRIu32 " in, %" PRIu32 " room%s, %g %s/s each", load->joined,
            misbehave_awaited(options), options->room_count, options->room_count == 1 ? "" : "s",
            options->rate, is_talk ? "messages" : "turns");
    if (is_talk) {
        fprintf(out, ", %" PRIu32 " bytes of text", options->text_bytes);
    }
    fprintf(out, ", %s\n", options->is_burst ? "in bursts" : "spread");
    fprintf(out, "connect ms   p50 %.1f  p99 %.1f  max %.1f\n", quantile_ms(&load->connect_us, 0.5),
            quantile_ms(&load->connect_us, 0.99), quantile_ms(&load->connect_us, 1));
    if (play_is_on(&load->play)) {
        report_play_text(load, out);
    } else {
        print_checks(load, figures, out);
    }
    print_odd(load, figures, out);
    fprintf(out, "latency ms   p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f\n",
            quantile_ms(latency, 0.5), quantile_ms(latency, 0.9), quantile_ms(latency, 0.99),
            quantile_ms(latency, 0.999), quantile_ms(latency, 1));
    fprintf(out, "throughput   %.0f deliveries/s, %.1f MB/s, over %.2f s\n", figures->deliveries_per_s,
            share(load->bytes, figures->seconds) / 1e6, figures->seconds);
    fprintf(out, "the tool     %.0f %% of a core; send lag p99 %.1f ms, max %.1f ms\n",
            100 * figures->cpu_share, quantile_ms(&load->send_lag_us, 0.99),
            quantile_ms(&load->send_lag_us, 1));
    print_server(load, figures, out);
    fprintf(out, "disconnects  ");
    print_disconnects(load, out);
    if (load->complaint[0]) {
        fprintf(out, "note         %s\n", load->complaint);
    }
    fprintf(out, "%s\n", verdict(load, figures));
}

static void print_json_outcome(const struct load *load, const struct figures *figures, FILE *out)
{
    const struct verify_totals *totals = &figures->totals;
    const struct histogram *latency = &load->verify.latency_us;

    fprintf(out,
            "\"sent\":%" PRIu64 ",\"expected\":%" PRIu64 ",\"received\":%" PRIu64 ",\"lost\":%" PRIu64
            ",\"doubled\":%" PRIu64 ",\"out_of_order\":%" PRIu64 ",\"foreign\":%" PRIu64
            ",\"corrupt\":%" PRIu64 ",\"unjudged\":%" PRIu64 ",\"backlogged\":%" PRIu64 ",\"bytes\":%" PRIu64
            ",\"deliveries_per_s\":%.1f,",
            load->sent, totals->expected, totals->received, figures->lost, totals->doubled,
            totals->out_of_order, totals->foreign, totals->corrupt, totals->unjudged, load->backlogged,
            load->bytes, figures->deliveries_per_s);
    fprintf(out,
            "\"resyncs\":%" PRIu64 ",\"packets_skipped\":%" PRIu64 ",\"bytes_skipped\":%" PRIu64
            ",\"miscounted\":%" PRIu64 ",\"pauses\":%" PRIu64 ",\"flooded\":%" PRIu64 ",\"pongs\":%" PRIu64
            ",",
            load->resyncs, load->packets_skipped, load->bytes_skipped, totals->miscounted, load->pauses,
            load->flooded, load->pongs_sent);
    fprintf(out,
            "\"latency_us\":{\"p50\":%" PRIu64 ",\"p90\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"p999\":%" PRIu64
            ",\"max\":%" PRIu64 ",\"mean\":%.1f},",
            histogram_quantile(latency, 0.5), histogram_quantile(latency, 0.9),
            histogram_quantile(latency, 0.99), histogram_quantile(latency, 0.999), latency->max,
            share(latency->sum, (double)latency->count));
}

static void print_json_server(const struct load *load, const struct figures *figures, FILE *out)
{
    if (load->watch.pid == 0) {
        fputs("\"server\":null,", out);
        return;
    }
    fprintf(out,
            "\"server\":{\"cpu_s\":%.6f,\"rss_before_kib\":%" PRIu64 ",\"rss_joined_kib\":%" PRIu64
            ",\"rss_end_kib\":%" PRIu64 ",\"rss_peak_kib\":%" PRIu64 "},",
            figures->server_cpu_s, load->rss_before_kib, load->rss_joined_kib, load->rss_end_kib,
            load->rss_peak_kib);
}

static void print_json(const struct load *load, const struct figures *figures, FILE *out)
{
    const struct options *options = load->options;
    const char *separator = "";
    char name[REASON_BYTES];

    fprintf(out,
            "{\"clients\":%" PRIu32 ",\"connected\":%" PRIu32 ",\"verified\":%" PRIu32
            ",\"trunc_check\":%s,\"rooms\":%" PRIu32 ",\"rate\":%g,\"text_bytes\":%" PRIu32
            ",\"seconds\":%.6f,",
            options->clients, load->joined, load->verified, options->trunc_check > 0 ? "true" : "false",
            options->room_count, options->rate, options->text_bytes, figures->seconds);
    fprintf(out, "\"connect_ms\":{\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f},",
            quantile_ms(&load->connect_us, 0.5), quantile_ms(&load->connect_us, 0.99),
            quantile_ms(&load->connect_us, 1));
    print_json_outcome(load, figures, out);
    fprintf(out,
            "\"send_lag_us\":{\"p99\":%" PRIu64 ",\"max\":%" PRIu64 "},\"cpu_share\":%.4f,\"disconnects\":{",
            histogram_quantile(&load->send_lag_us, 0.99), load->send_lag_us.max, figures->cpu_share);
    for (uint32_t i = 1; i < DISCONNECT_COUNT; i++) {
        if (load->disconnects[i] > 0) {
            disconnect_name(i, name, sizeof(name));
            fprintf(out, "%s\"%s\":%" PRIu64, separator, name, load->disconnects[i]);
            separator = ",";
        }
    }
    fputs("},", out);
    print_json_server(load, figures, out);
    if (play_is_on(&load->play)) {
        report_play_json(load, out);
    }
    fprintf(out, "\"interrupted\":%s,\"ok\":%s}\n", load->is_interrupted ? "true" : "false",
            is_good(load, figures) ? "true" : "false");
}

void report_print(const struct load *load, FILE *out)
{
    struct figures figures = figures_of(load);

    if (load->options->is_json) {
        print_json(load, &figures, out);
    } else if (!load->options->is_quiet) {
        print_summary(load, &figures, out);
    }
    fflush(out);
}
