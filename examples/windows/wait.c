/* wait.c - Windows style: a wait for the end of a thread. */
#include <windows.h>
#include <stdio.h>

static DWORD WINAPI Child(LPVOID Parameter)
{
    UNREFERENCED_PARAMETER(Parameter);
    return 7;
}

static VOID CALLBACK Ended(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WAIT Wait,
                           TP_WAIT_RESULT WaitResult)
{
    UNREFERENCED_PARAMETER(Wait);
    puts(WaitResult == WAIT_OBJECT_0 ? "signaled" : "not signaled");
    SetEventWhenCallbackReturns(Instance, (HANDLE)Context);
}

int main(void)
{
    HANDLE told = CreateEvent(NULL, FALSE, FALSE, NULL);
    HANDLE child = CreateThread(NULL, 0, Child, NULL, 0, NULL);
    PTP_WAIT wait = CreateThreadpoolWait(Ended, told, NULL);
    DWORD code = 0;

    if (told == NULL || child == NULL || wait == NULL) {
        fprintf(stderr, "no wait: error %u\n", (unsigned)GetLastError());
        return 1;
    }
    SetThreadpoolWait(wait, child, NULL);
    WaitForSingleObject(told, INFINITE);
    GetExitCodeThread(child, &code);
    printf("exit code %u\n", (unsigned)code);
    CloseThreadpoolWait(wait);
    CloseHandle(child);
    CloseHandle(told);
    return 0;
}
