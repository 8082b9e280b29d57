/* compare.c - tables of sides beside one another, and the losses of one of them. */
#include "bench/compare.h"

#include <stdio.h>

#include "bench/series.h"

/* ---- tables ---------------------------------------------------------------------------------- */

static bool has_value(const struct compare_side *side, bool (*tells)(const char *workload))
{
    const struct series *series = NULL;
    while ((series = series_next(series, NULL, side->name, NULL)))
        if (tells(series->workload))
            return true;
    return false;
}

static void print_line(const struct comparison *comparison, const struct series *line,
                       bool (*tells)(const char *workload))
{
    printf("\n| %s | %s, %s |", line->workload, line->metric, line->unit);
    for (unsigned k = 0; k < comparison->side_count; k++) {
        const struct compare_side *side = &comparison->sides[k];
        const struct series *series = series_next(NULL, line->workload, side->name, line->metric);
        if (!has_value(side, tells))
            continue;
        if (series)
            series_print_cell(series, comparison->own);
        printf(" |");
    }
}

void compare_table(const struct comparison *comparison, bool (*tells)(const char *workload))
{
    printf("\n| | |");
    for (unsigned k = 0; k < comparison->side_count; k++)
        if (has_value(&comparison->sides[k], tells))
            printf(" %s |", comparison->sides[k].name);
    printf("\n|---|---|");
    for (unsigned k = 0; k < comparison->side_count; k++)
        if (has_value(&comparison->sides[k], tells))
            printf("---:|");
    for (const struct series *line = NULL; (line = series_next(line, NULL, NULL, NULL));)
        if (tells(line->workload) && line == series_next(NULL, line->workload, NULL, line->metric))
            print_line(comparison, line, tells); /* at the first of the sides that are there */
    printf("\n");
}

/* ---- losses ---------------------------------------------------------------------------------- */

static void print_behind(const struct comparison *comparison, const struct series *own, bool floors)
{
    struct spread ratio;
    bool any = false;
    for (unsigned k = 0; k < comparison->side_count; k++) {
        const struct compare_side *side = &comparison->sides[k];
        const struct series *other = series_next(NULL, own->workload, side->name, own->metric);
        if (!other || other == own || side->floor != floors || !series_ratio(own, other, &ratio) ||
            ratio.median <= 1.1)
            continue;
        if (!any)
            printf("  %s %s:", own->workload, own->metric);
        printf("%s %s %.2f (%.2f..%.2f)", any ? "," : "", other->side, ratio.median, ratio.minimum,
               ratio.maximum);
        any = true;
    }
    if (any)
        printf("\n");
}

void compare_losses(const struct comparison *comparison)
{
    for (int floors = 0; floors < 2; floors++) {
        const struct series *own = NULL;
        printf("\nBehind %s by more than a tenth, tp / other:\n", floors ? "floors" : "rivals");
        while ((own = series_next(own, NULL, comparison->own, NULL)))
            print_behind(comparison, own, floors);
    }
}
