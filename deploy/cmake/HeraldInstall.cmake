# cmake --install: what a package contains.
install(DIRECTORY as-core/include/herald DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY config/ DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/herald FILES_MATCHING PATTERN "*.yaml" PATTERN "*.xml")
install(FILES deploy/man/heraldctl.1 deploy/man/herald-receiver.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES deploy/man/heraldd.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES deploy/completion/heraldctl DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES deploy/systemd/heraldd.service DESTINATION lib/systemd/system)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
