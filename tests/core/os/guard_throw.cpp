/* guard_throw.cpp - for guard_test: throws an exception of C++, and catches everything. */
#include <stdexcept>

extern "C" void guard_throw(void *unused);
extern "C" void guard_catch(void (*function)(void *), void *argument);

void guard_throw(void *)
{
    throw std::runtime_error("thrown for guard_test");
}

void guard_catch(void (*function)(void *), void *argument)
{
    try {
        function(argument);
    } catch (const std::runtime_error &) {
    }
}
