"""report.py - what came of the mutants: survivors as diffs, tables, the score."""
import collections
import difflib


def report(results, orders=False):
    """Prints it all; 1 if one survived."""
    survivors = [entry for entry in results if entry["state"] == "survived"]
    for entry in sorted(survivors, key=lambda entry: (entry["file"], entry["line"])):
        print("\nSURVIVED %s %s:%d in %s (%s)" % (
            entry["id"], entry["file"], entry["line"], entry["function"], entry["operator"]))
        lines = list(difflib.ndiff(entry["before"].splitlines(), entry["after"].splitlines()))
        print("\n".join(line for line in lines if not line.startswith("?")))
    print()
    table(results, "file")
    table(results, "operator")
    table([entry for entry in results if entry["state"] == "killed"], "by")
    states = collections.Counter(entry["state"] for entry in results)
    if orders:
        print("%d orders: %d killed, %d argued beside the access, %d open" % (
            len(results), states["killed"], states["argued"], states["survived"]))
        return 1 if survivors else 0
    counted = states["killed"] + states["survived"]
    print("%d mutants: %d killed, %d survived, %d argued equivalent; besides %d with the same "
          "objects, %d that do not compile. Score %.1f %%" % (
              counted + states["argued"], states["killed"], states["survived"], states["argued"],
              states["equivalent"], states["uncompilable"],
              100.0 * states["killed"] / max(1, counted)))
    return 1 if survivors else 0


def table(results, field):
    rows = collections.defaultdict(collections.Counter)
    for entry in results:
        rows[entry[field]][entry["state"]] += 1
    width = max([len(name) for name in rows] + [8])
    columns = [state for state in ("killed", "survived", "argued")
               if any(row[state] for row in rows.values())]
    print("%-*s  %s" % (width, field, "  ".join(columns)))
    for name in sorted(rows):
        if any(rows[name][state] for state in columns):
            print("%-*s  %s" % (width, name, "  ".join(
                "%*s" % (len(state), rows[name][state] or "-") for state in columns)))
    print()
