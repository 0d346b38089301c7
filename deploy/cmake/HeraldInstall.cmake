# cmake --install: what a package contains.
install(DIRECTORY as-core/include/herald DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY config/ DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/herald FILES_MATCHING PATTERN "*.yaml" PATTERN "*.xml")
