/* copy.c - Windows style: copies a file, four blocks of it in flight: copy FROM TO */
#include <windows.h>
#include <stdio.h>

#define SLOTS 4
#define BLOCK 65536

/* A block on its way; it has one operation at a time. */
typedef struct SLOT {
    OVERLAPPED Overlapped; /* first, so that a callback finds the rest by it */
    ULONGLONG Offset;      /* of the block in the file */
    DWORD End, Written;    /* bytes of it that were read; of these, written */
    char Buffer[BLOCK];
} SLOT;

static SLOT slots[SLOTS];
static HANDLE from, to, finished; /* the last a semaphore: slots that have no more to do */
static PTP_IO fromIo, toIo;
static volatile LONGLONG next; /* where the first block begins that is nobody's */
static volatile LONGLONG written;
static volatile LONG failure;

/* A slot that has come to an end of the file, or to an error. */
static void Finish(DWORD Error)
{
    if (Error != NO_ERROR && Error != ERROR_HANDLE_EOF)
        InterlockedExchange(&failure, (LONG)Error);
    ReleaseSemaphore(finished, 1, NULL);
}

static void Begin(SLOT *Slot, BOOL Write)
{
    DWORD done = Write ? Slot->Written : Slot->End;
    ULONGLONG place = Slot->Offset + done;
    BOOL answer;

    ZeroMemory(&Slot->Overlapped, sizeof(Slot->Overlapped));
    Slot->Overlapped.Offset = (DWORD)place;
    Slot->Overlapped.OffsetHigh = (DWORD)(place >> 32);
    StartThreadpoolIo(Write ? toIo : fromIo);
    if (Write)
        answer = WriteFile(to, Slot->Buffer + done, Slot->End - done, NULL, &Slot->Overlapped);
    else
        answer = ReadFile(from, Slot->Buffer + done, BLOCK - done, NULL, &Slot->Overlapped);
    if (!answer && GetLastError() != ERROR_IO_PENDING) { /* there will be no callback */
        DWORD error = GetLastError();

        CancelThreadpoolIo(Write ? toIo : fromIo);
        Finish(error);
    }
}

static void BeginNextBlock(SLOT *Slot)
{
    Slot->Offset = (ULONGLONG)InterlockedExchangeAdd64(&next, BLOCK);
    Slot->End = Slot->Written = 0;
    Begin(Slot, FALSE);
}

static VOID CALLBACK Completed(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PVOID Overlapped,
                               ULONG IoResult, ULONG_PTR Bytes, PTP_IO Io)
{
    SLOT *slot = CONTAINING_RECORD(Overlapped, SLOT, Overlapped);

    UNREFERENCED_PARAMETER(Instance);
    UNREFERENCED_PARAMETER(Context);
    if (IoResult != NO_ERROR || Bytes == 0) {
        Finish(IoResult);
    } else if (Io == fromIo) {
        slot->End += (DWORD)Bytes;
        Begin(slot, TRUE);
    } else {
        InterlockedExchangeAdd64(&written, (LONGLONG)Bytes);
        slot->Written += (DWORD)Bytes;
        if (slot->Written < slot->End) /* transfers may be short */
            Begin(slot, TRUE);
        else if (slot->End < BLOCK)
            Begin(slot, FALSE);
        else
            BeginNextBlock(slot);
    }
}

static BOOL PrintChecksum(const char *Which, const char *Name)
{
    HANDLE file = CreateFileA(Name, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    ULONGLONG hash = 0xcbf29ce484222325ull;
    DWORD bytes = 0;

    if (file == INVALID_HANDLE_VALUE)
        return FALSE;
    while (ReadFile(file, slots[0].Buffer, BLOCK, &bytes, NULL) && bytes > 0)
        for (DWORD i = 0; i < bytes; i++)
            hash = (hash ^ (BYTE)slots[0].Buffer[i]) * 0x100000001b3ull;
    CloseHandle(file);
    printf("checksum of the %s %08x%08x\n", Which, (unsigned)(hash >> 32), (unsigned)hash);
    return TRUE;
}

static BOOL Copy(const char *From, const char *To)
{
    from = CreateFileA(From, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING,
                       FILE_FLAG_OVERLAPPED, NULL);
    to = CreateFileA(To, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_OVERLAPPED, NULL);
    if (from == INVALID_HANDLE_VALUE || to == INVALID_HANDLE_VALUE)
        return FALSE;
    finished = CreateSemaphore(NULL, 0, SLOTS, NULL);
    fromIo = CreateThreadpoolIo(from, Completed, NULL, NULL);
    toIo = CreateThreadpoolIo(to, Completed, NULL, NULL);
    if (finished == NULL || fromIo == NULL || toIo == NULL)
        return FALSE;
    for (int i = 0; i < SLOTS; i++)
        BeginNextBlock(&slots[i]);
    for (int i = 0; i < SLOTS; i++)
        WaitForSingleObject(finished, INFINITE);

    WaitForThreadpoolIoCallbacks(fromIo, FALSE);
    WaitForThreadpoolIoCallbacks(toIo, FALSE);
    CloseThreadpoolIo(fromIo);
    CloseThreadpoolIo(toIo);
    CloseHandle(from);
    CloseHandle(to);
    CloseHandle(finished);
    SetLastError((DWORD)failure);
    return failure == NO_ERROR;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: copy FROM TO\n");
        return 1;
    }
    if (!Copy(argv[1], argv[2])) {
        fprintf(stderr, "copy: error %u\n", (unsigned)GetLastError());
        return 1;
    }
    printf("%u bytes\n", (unsigned)written);
    return PrintChecksum("one  ", argv[1]) && PrintChecksum("other", argv[2]) ? 0 : 1;
}
