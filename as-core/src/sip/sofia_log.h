// Sofia's own diagnostics go to our log at level debug instead of to stderr.
#pragma once

namespace herald::sip {

void redirect_sofia_log();

}  // namespace herald::sip
