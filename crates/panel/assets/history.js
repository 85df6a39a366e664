// One webhook: deliveries that arrive while the page stands open.
