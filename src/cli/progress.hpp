#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "core/clock.hpp"

namespace relevo {

/// How far a long command is, on standard error: a line that is written over where somebody looks on, else,
/// in a file or a pipe, a line every five seconds, so that what is done sooner says nothing.
class Progress {
  public:
    Progress();
    /// `watched`: standard error is a terminal. The first five seconds begin now.
    Progress(std::function<SysTime()> now, bool watched);
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    /// Ends the line that was written over.
    ~Progress();

    /// One line, without its end.
    void tell(const std::string& text);

  private:
    const std::function<SysTime()> now_;
    const bool watched_;
    SysTime told_;
    std::size_t width_ = 0;  // of what stands in the line
};

}  // namespace relevo
