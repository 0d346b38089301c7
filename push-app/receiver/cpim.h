// The receiver's names for message/cpim and its reports, which both ends read and write by the same code. PS-51..PS-53, PR-10.
#pragma once

#include "push/cpim.h"

namespace herald::receiver {

using push::CpimMessage;
using push::Disposition;
using push::ReportRequest;
using push::to_string;
using push::write_report;

}  // namespace herald::receiver
