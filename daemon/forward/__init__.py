"""The forwarder: many daemons at one address. `nanotally forward`."""
