#include "runtime/current_error.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace relevo {

Error current_error() {
    try {
        throw;
    } catch (const Failure& failure) {
        return failure.error();
    } catch (const boost::system::system_error& error) {
        const bool cancelled = error.code() == boost::asio::error::operation_aborted;
        return {cancelled ? Fault::transient : Fault::permanent, cancelled ? "stage.cancelled" : "stage.bug",
                error.what()};
    } catch (const std::exception& error) {
        return {Fault::permanent, "stage.bug", error.what()};
    }
}

}  // namespace relevo
