/* prioritised.cpp - Windows style: a class for a pool with two priorities, serial or with threads. */
#include <windows.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <stdio.h>
#include <string>
#include <vector>

/* Runs what it is given, high before normal. With one thread, one at a time and always on it. */
class PrioritisedPool
{
  public:
    explicit PrioritisedPool(DWORD threads)
        : pool_(CreateThreadpool(nullptr)), group_(CreateThreadpoolCleanupGroup())
    {
        if (pool_ == nullptr || group_ == nullptr)
            throw std::runtime_error("no pool");
        SetThreadpoolThreadMaximum(pool_, threads);
        if (!SetThreadpoolThreadMinimum(pool_, threads))
            throw std::runtime_error("no threads");
        InitializeThreadpoolEnvironment(&normal_);
        SetThreadpoolCallbackPool(&normal_, pool_);
        SetThreadpoolCallbackCleanupGroup(&normal_, group_, nullptr);
        high_ = normal_;
        SetThreadpoolCallbackPriority(&high_, TP_CALLBACK_PRIORITY_HIGH);
    }

    ~PrioritisedPool()
    {
        Finish();
        CloseThreadpoolCleanupGroup(group_);
        DestroyThreadpoolEnvironment(&high_);
        DestroyThreadpoolEnvironment(&normal_);
        CloseThreadpool(pool_);
    }

    PrioritisedPool(const PrioritisedPool &) = delete;
    PrioritisedPool &operator=(const PrioritisedPool &) = delete;

    void Submit(std::function<void()> job)
    {
        Submit(std::move(job), &normal_);
    }

    void SubmitHigh(std::function<void()> job)
    {
        Submit(std::move(job), &high_);
    }

    /* Returns when all is done that was submitted before. */
    void Finish()
    {
        CloseThreadpoolCleanupGroupMembers(group_, FALSE, nullptr);
    }

  private:
    static VOID CALLBACK Run(PTP_CALLBACK_INSTANCE, PVOID context)
    {
        std::unique_ptr<std::function<void()>> job(static_cast<std::function<void()> *>(context));
        (*job)();
    }

    static void Submit(std::function<void()> job, PTP_CALLBACK_ENVIRON environment)
    {
        std::unique_ptr<std::function<void()>> owned(new std::function<void()>(std::move(job)));

        if (!TrySubmitThreadpoolCallback(Run, owned.get(), environment))
            throw std::runtime_error("not submitted");
        owned.release();
    }

    PTP_POOL pool_;
    PTP_CLEANUP_GROUP group_;
    TP_CALLBACK_ENVIRON normal_;
    TP_CALLBACK_ENVIRON high_;
};

/* On one thread nothing need be locked: one callback at a time touches these. */
static void Serially()
{
    std::vector<std::string> done;
    std::vector<DWORD> threads;
    HANDLE begun = CreateEvent(nullptr, FALSE, FALSE, nullptr);
    HANDLE gate = CreateEvent(nullptr, FALSE, FALSE, nullptr);
    size_t same = 0;

    PrioritisedPool pool(1);
    auto note = [&](const std::string &name) {
        done.push_back(name);
        threads.push_back(GetCurrentThreadId());
    };
    pool.Submit([&] {
        note("normal 0, which had begun");
        SetEvent(begun);
        WaitForSingleObject(gate, INFINITE);
    });
    WaitForSingleObject(begun, INFINITE);
    for (int i = 1; i <= 4; i++) {
        pool.Submit([=] { note("normal " + std::to_string(i)); });
        pool.SubmitHigh([=] { note("high " + std::to_string(i)); });
    }
    SetEvent(gate);
    pool.Finish();
    for (const std::string &name : done)
        printf("%s\n", name.c_str());
    for (DWORD thread : threads)
        same += thread == threads[0];
    printf("callbacks on one thread: %u of %u\n", (unsigned)same, (unsigned)threads.size());
    CloseHandle(gate);
    CloseHandle(begun);
}

/* With four threads, callbacks that sleep do not keep others from running. */
static void Together()
{
    volatile LONG inside = 0, most = 0, over = 0;
    PrioritisedPool pool(4);
    auto sleep = [&] {
        LONG now = InterlockedIncrement(&inside);

        for (LONG seen = most; now > seen; seen = most)
            InterlockedCompareExchange(&most, now, seen);
        Sleep(50);
        InterlockedDecrement(&inside);
        InterlockedIncrement(&over);
    };

    for (int i = 0; i < 6; i++) {
        pool.Submit(sleep);
        pool.SubmitHigh(sleep);
    }
    pool.Finish();
    printf("callbacks that slept: %d\n", (int)over);
    printf("some of them at once: %s\n", most >= 2 ? "yes" : "no");
    printf("more than four at once: %s\n", most > 4 ? "yes" : "no");
}

int main()
{
    try {
        Serially();
        Together();
    } catch (const std::exception &error) {
        fprintf(stderr, "prioritised: %s, error %u\n", error.what(), (unsigned)GetLastError());
        return 1;
    }
    return 0;
}
