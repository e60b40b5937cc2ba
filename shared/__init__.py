"""What the functions share: the domain in sessions/, around it table, HTTP edge, telemetry and wiring."""
