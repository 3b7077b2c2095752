#pragma once

namespace relevo {

/// No core file of this process and its children: it would hold every secret that they have opened.
void forbid_core_dumps();

}  // namespace relevo
