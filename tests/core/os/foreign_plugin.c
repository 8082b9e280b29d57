/* foreign_plugin.c - a library for foreign_test to load, pin and unload. */
int foreign_plugin_answer(void);

int foreign_plugin_answer(void)
{
    return 42;
}
