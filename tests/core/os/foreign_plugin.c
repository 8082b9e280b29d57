/* foreign_plugin.c - a library for foreign_test to load, pin and unload. */
int foreign_plugin_answer(void);
void foreign_plugin_call(void (*function)(void *), void *argument);

int foreign_plugin_answer(void)
{
    return 42;
}

/* The pointer afterwards keeps the call from becoming a jump that leaves no frame. */
void foreign_plugin_call(void (*function)(void *), void *argument)
{
    void *volatile kept = argument;
    function(kept);
    kept = (void *)0;
}
