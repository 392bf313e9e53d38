"""From a request to what opens it: tickets, the custodians' sealed partials, and the evidence that goes with them [P5]."""
