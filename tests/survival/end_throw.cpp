/* end_throw.cpp - for end_test: an exception of C++, and a frame that would catch it. */
#include <stdexcept>

extern "C" void end_throw(void);
extern "C" void end_catch(void (*function)(void *), void *argument);

void end_throw(void)
{
    throw std::runtime_error("thrown for end_test");
}

void end_catch(void (*function)(void *), void *argument)
{
    try {
        function(argument);
    } catch (const std::exception &) {
    }
}
