"""trial.py - one copy of the tree with its builds: plants a mutant there, runs what may notice."""
import glob
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

PARTS = ("core", "capi", "fuzz", "tests", "tools", "meson.build", "meson_options.txt")
COMMON = ["--buildtype=plain", "-Ddebug=false", "-Db_lundef=false", "-Dexamples=false",
          "-Dbench=false", "-Dsim=false"]
BUILDS = {"plain": COMMON + ["-Doptimization=2"],
          "tsan": COMMON + ["-Doptimization=1", "-Db_sanitize=thread"]}
LIBRARIES = {"sim": "libtpsim_core.so", "real": "libtp.a"}
# What is not run: these test something else than the engine, or take minutes.
LEFT_OUT = re.compile(r"sim/|stress/idle|survival/(rest|growth|timer$)")
SUITES = {"scenario", "unit", "conformance"}
LEVELS = (0.02, 0.2, 1, 5)  # of the schedules that the suite runs
QUICK = {"TSAN_OPTIONS": "halt_on_error=1:die_after_fork=0:atexit_sleep_ms=0:"
                         "allocator_may_return_null=1:report_bugs=1"}
# The simulator's core becomes a shared library, so that no program is linked again for a mutant:
# what stands in the copy's meson.build between the first and the last of these is changed so.
SIM_FROM, SIM_TO = "sim_os = static_library(", "if get_option('sim')"
SIM_CHANGES = (("sim_core = static_library(", "sim_core = shared_library("),
               ("gnu_symbol_visibility: 'hidden',", ""))
# What the weakest forms of these would be; the tree has no use for them.
RELAXED = {
    "core/os/sim/tpp_atomic.h": "".join(
        "#define tpp_%s_relaxed(p, v) %s(p, %s)((p), (v), memory_order_relaxed, TPPS_SITE)\n"
        % (name, kind, name) for name, kind in (
            ("exchange", "TPPS_ANY"), ("or", "TPPS_NUMBER"), ("and", "TPPS_NUMBER"))),
    "core/os/linux/tpp_atomic.h": "".join(
        "#define tpp_%s_relaxed(p, v) "
        "atomic_%s_explicit(&(p)->raw, (v), memory_order_relaxed)\n"
        % (name, call) for name, call in (
            ("exchange", "exchange"), ("or", "fetch_or"), ("and", "fetch_and"))),
}


class Trial:
    """One program with its arguments: `world` is sim or real, `way` plain, weak or faults."""

    def __init__(self, build, test, level):
        self.build, self.level = build, level
        self.command = list(test["cmd"])
        self.target = next(os.path.relpath(word, test["build"]) for word in self.command
                           if word.startswith(test["build"] + "/"))
        self.env = dict(test["env"])
        self.world = "sim" if test["name"].startswith("scenario/") else "real"
        self.way = ("weak" if "--weak" in self.command else
                    "faults" if "_faults" in test["name"] else "plain")
        self.test = test["name"]
        self.share = 1
        if "--schedules" in self.command:
            at = self.command.index("--schedules") + 1
            whole = int(self.command[at])
            self.command[at] = str(max(1, round(whole * LEVELS[level])))
            self.share = int(self.command[at]) / whole
        self.name = "%s:%s@%d" % (build, test["name"], level)


class Tree:
    def __init__(self, root, where, builds, rewritten=None):
        self.root, self.where, self.builds = root, where, builds
        self.rewritten = rewritten or {}  # {name: other text}
        self.tests = {}

    def prepare(self, wanted=lambda build, test: True):
        """Copies what differs, configures, builds the libraries and what programs are wanted."""
        os.makedirs(self.where, exist_ok=True)
        for part in PARTS:
            path = os.path.join(self.root, part)
            for name in [path] if os.path.isfile(path) else files_below(path):
                self.copy(os.path.relpath(name, self.root))
        for build in self.builds:
            where = os.path.join(self.where, "build-" + build)
            if not os.path.exists(os.path.join(where, "build.ninja")):
                shutil.rmtree(where, ignore_errors=True)
                subprocess.run(["meson", "setup", where, self.where] + BUILDS[build], check=True,
                               stdout=subprocess.DEVNULL)
            subprocess.run(["ninja", "-C", where, "--quiet", "build.ninja"], check=True)
            self.tests[build] = [test for test in self.introspect(where) if wanted(build, test)]
            targets = {trial.target for trial in self.trials(build)} | set(LIBRARIES.values())
            targets.update(self.modules(where))
            subprocess.run(["ninja", "-C", where, "--quiet"] + sorted(targets), check=True)

    def copy(self, name):
        """So that times change only where contents do."""
        with open(os.path.join(self.root, name), "rb") as file:
            text = file.read()
        if name in self.rewritten:
            text = self.rewritten[name].encode()
        if name == "meson.build":
            head, begin, rest = text.decode().partition(SIM_FROM)
            part, end, tail = rest.partition(SIM_TO)
            for old, new in SIM_CHANGES:
                if old not in part:
                    sys.exit("mutate: not in meson.build: " + old)
                part = part.replace(old, new)
            text = (head + begin + part + end + tail).encode()
        if name in RELAXED:
            head, end, tail = text.decode().rpartition("#endif")
            text = (head + RELAXED[name] + "\n" + end + tail).encode()
        path = os.path.join(self.where, name)
        if os.path.exists(path):
            with open(path, "rb") as file:
                if file.read() == text:
                    return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text)
        shutil.copymode(os.path.join(self.root, name), path)

    @staticmethod
    def told(what, where):
        return json.loads(subprocess.run(["meson", "introspect", what, where], check=True,
                                         stdout=subprocess.PIPE).stdout)

    def modules(self, where):
        """What test programs load, most of which look for it beside themselves."""
        return {os.path.relpath(target["filename"][0], where)
                for target in self.told("--targets", where) if target["type"] == "shared module"}

    def introspect(self, where):
        tests = []
        for test in self.told("--tests", where):
            suites = {suite.partition(":")[2] for suite in test["suite"]}
            ours = any(word.startswith(where + "/") for word in test["cmd"])  # else a script
            if ours and suites & SUITES and not LEFT_OUT.match(test["name"]):
                tests.append(dict(test, build=where))
        return tests

    def trials(self, build):
        found = []
        for test in self.tests[build]:
            levels = range(len(LEVELS)) if "--schedules" in test["cmd"] else [1]
            found += [Trial(build, test, level) for level in levels]
        return found

    def measure(self, trials, path):
        """{trial: seconds it takes with nothing wrong}; one that fails then is no witness: None."""
        costs = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                costs = json.load(file)
        for trial in trials:
            if trial.name in costs:
                continue
            known = costs.get(trial.name[:-1] + str(trial.level - 1))
            if trial.level >= 2 and known:
                costs[trial.name] = known * 5
                continue
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            case, wall = self.run(trial, 30)
            now = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
            costs[trial.name] = spent if trial.world == "sim" else max(spent, wall)
            if case:
                print("left out: %s fails by itself: %s" % (trial.name, case), flush=True)
                costs[trial.name] = None
            with open(path, "w", encoding="utf-8") as file:
                json.dump(costs, file, indent=0)
        return costs

    def ninja(self, build, targets):
        """What it said if it failed, or None."""
        done = subprocess.run(["ninja", "-C", os.path.join(self.where, "build-" + build),
                               "--quiet"] + sorted(set(targets)), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
        return done.stdout if done.returncode != 0 else None

    def objects(self, build):
        """The library's objects, both worlds, as hashes."""
        hashes = {}
        where = os.path.join(self.where, "build-" + build)
        for pattern in ("libtpsim_core.so.p/*.o", "libtp.*.p/*.o"):
            for path in sorted(glob.glob(os.path.join(where, pattern))):
                with open(path, "rb") as file:
                    hashes[path] = hashlib.sha1(file.read()).hexdigest()
        return hashes

    def plant(self, mutant):
        path = os.path.join(self.where, mutant.file)
        with open(path, encoding="utf-8") as file:
            before = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(mutant.apply(before))
        return path, before

    @staticmethod
    def restore(planted):
        path, before = planted
        with open(path, "w", encoding="utf-8") as file:
            file.write(before)

    def run(self, trial, cost, env=None):
        """(killed by which case or None, seconds). `cost`: seconds it takes by itself."""
        limit = 20 + 20 * cost
        began = time.time()
        process = subprocess.Popen(
            bounded(trial, limit), cwd=os.path.join(self.where, "build-" + trial.build),
            env=dict(os.environ, **QUICK, **trial.env, **(env or {})), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            start_new_session=True)
        hung = threading.Event()
        clock = threading.Timer(limit, lambda: (hung.set(), kill(process)))
        clock.start()
        case = last = None
        for line in process.stdout:
            if line.startswith("not ok"):
                case = line.split(" - ")[-1].split(" # ")[0].strip()
                break
            if "WARNING: ThreadSanitizer" in line:
                case = "ThreadSanitizer" + (line.split("ThreadSanitizer", 1)[1].split("(")[0])
                break
            last = line.strip() or last
        clock.cancel()
        if case:
            kill(process)
        process.stdout.close()
        status = process.wait()
        kill(process)
        if hung.is_set():
            case = "did not end"
        elif not case and status != 0:
            case = "died (%d): %s" % (status, (last or "")[:100])
        return case, time.time() - began


def bounded(trial, limit):
    """No core dumps, and no mutant that eats the machine."""
    words = "ulimit -c 0; "
    if trial.world == "sim":
        words += "ulimit -t %d; " % limit
    if trial.build != "tsan":
        words += "ulimit -d %d; " % (4 << 20)
    return ["sh", "-c", words + 'exec "$@"', "sh"] + trial.command


def kill(process):
    """It and what it began."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def files_below(path):
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (os.path.join(folder, name) for name in names)
