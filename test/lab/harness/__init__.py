"""What the lab's scenarios share: processes, a real IMS core on free ports, a small SIP user agent, Herald itself."""
