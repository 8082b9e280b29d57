/* hello.c - Windows style: a work object, submitted three times. */
#include <windows.h>
#include <stdio.h>

static volatile LONG calls;

static VOID CALLBACK Hello(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work)
{
    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(Work);
    puts("hello from the pool");
    InterlockedIncrement(&calls);
}

int main(void)
{
    PTP_WORK work = CreateThreadpoolWork(Hello, NULL, NULL);

    if (work == NULL) {
        fprintf(stderr, "CreateThreadpoolWork: error %u\n", (unsigned)GetLastError());
        return 1;
    }
    for (int i = 0; i < 3; i++)
        SubmitThreadpoolWork(work);
    WaitForThreadpoolWorkCallbacks(work, FALSE);
    CloseThreadpoolWork(work);
    printf("waited for %d callbacks\n", (int)calls);
    return 0;
}
